"""`cadc predict`: score new rows with the model of a finished run."""

import argparse
import sys
from pathlib import Path

from cadc.cli.output import require_output

HELP = "score new rows (CSV or Parquet) with the model of a finished run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("run", help="id of a finished run, or its beginning")
    parser.add_argument("file", type=Path, help="CSV with a header, or Parquet: user, item and the log's other columns")
    parser.add_argument(
        "--output", type=Path, help="CSV or Parquet file to write, or a pipe (default: CSV on standard output)"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    import pandas as pd
    import pyarrow as pa

    from cadc.data.text import unreadable
    from cadc.errors import DataError
    from cadc.ledger import Ledger
    from cadc.paths import regular_file
    from cadc.serving.load import load_run
    from cadc.serving.predict import predicted, text_columns
    from cadc.storage.output_files import check_output, write_output

    path = arguments.file
    if arguments.output is None:
        require_output("the scores")
    else:
        check_output(arguments.output)
    try:
        with regular_file(path).open("rb"):
            pass
    except OSError as error:
        raise unreadable(path, error) from error
    ledger = Ledger()
    record, log, model = load_run(ledger, ledger.find(arguments.run))
    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
        else:
            # Texts are read as they are: "007" is not a number, and "NA" is a value.
            table = pd.read_csv(
                path,
                dtype=dict.fromkeys(text_columns(log), str),
                keep_default_na=False,
                # A compressed file of some kilobytes may expand to more than the memory.
                compression=None,
            )
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read as {path.suffix or 'CSV'}: {str(error).splitlines()[0]}") from error
    table = predicted(record, log, model, table, str(path))
    if arguments.output is None:
        table.to_csv(sys.stdout, index=False)
    else:
        write = table.to_parquet if arguments.output.suffix == ".parquet" else table.to_csv
        write_output(arguments.output, lambda partial: write(partial, index=False))
    return 0
