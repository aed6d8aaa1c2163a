"""`cadc predict`: score new rows with the model of a finished run, or write a template of such rows."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cadc.cli.output import require_output
from cadc.errors import UsageError
from cadc.paths import user_path
from cadc.terminal.progress import say

if TYPE_CHECKING:
    from cadc.data.column_block import Block

QUOTINGS = ("auto", "double", "none")
HELP = "score new rows (CSV or Parquet) with the model of a finished run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("run", help="id of a finished run, or its beginning")
    parser.add_argument("file", type=user_path, nargs="?", help="CSV or Parquet with the columns of the log")
    parser.add_argument(
        "--example", action="store_true", help="write a few rows of the log instead, as a template of new ones"
    )
    parser.add_argument(
        "--output", type=user_path, help="CSV or Parquet file to write, or a pipe (default: CSV on standard output)"
    )
    parser.add_argument(
        "--column", help="name of the answer (default: probability, or score where the run ranks items)"
    )
    parser.add_argument(
        "--quoting",
        choices=QUOTINGS,
        help="whether quotes enclose values of a CSV file (default: data.quoting of the run)",
    )
    parser.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether a CSV file begins with names of columns, which are named by numbers from 1 otherwise (default: "
        "data.header of the run)",
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from cadc.serving.scored_file import check_suffix

    if arguments.output is None:
        require_output("the rows" if arguments.example else "the scores")
    else:
        from cadc.storage.output_files import check_output

        check_output(arguments.output)
        check_suffix(arguments.output)
    if arguments.example:
        if arguments.file is not None:
            raise UsageError(f"--example writes rows and reads none; leave {arguments.file} out, or give --output.")
        return _write_example(arguments)
    if arguments.file is None:
        raise UsageError(
            f"no file of rows was given; `cadc predict --example {arguments.run} --output rows.csv` writes a template."
        )
    return _score(arguments)


def _score(arguments: argparse.Namespace) -> int:
    from cadc.data.text import unreadable
    from cadc.ledger import Ledger
    from cadc.paths import regular_file
    from cadc.serving.load import load_run
    from cadc.serving.predict import Prediction

    try:
        with regular_file(arguments.file).open("rb"):
            pass
    except OSError as error:
        raise unreadable(arguments.file, error) from error
    ledger = Ledger()
    prediction = Prediction(*load_run(ledger, ledger.find(arguments.run)), arguments.column)
    _write(arguments.output, *prediction.of_file(arguments.file, arguments.quoting, arguments.header))
    return 0


def _write_example(arguments: argparse.Namespace) -> int:
    from cadc.ledger import Ledger
    from cadc.pipeline.settings import Settings
    from cadc.serving.example_rows import example_rows
    from cadc.serving.load import load_run

    ledger = Ledger()
    run_id = ledger.find(arguments.run)
    record, log, model = load_run(ledger, run_id)
    source = Settings.of(record["config"]).source.build()
    rows = example_rows(log, source.own_names(), model.reads_times)
    _write(arguments.output, list(rows.columns), [rows])
    if arguments.output is not None:
        # The log's own file has no line of names, which this one has.
        header = "" if source.own_header() or arguments.output.suffix == ".parquet" else " --header"
        say(f"{rows.n_rows} rows of the log; score them with: cadc predict{header} {run_id} {arguments.output}")
    return 0


def _write(output: Path | None, names: Sequence[str], blocks: "Iterable[Block]") -> None:
    """Write rows to a file, or to standard output."""
    from cadc.serving.scored_file import send_scored, write_scored
    from cadc.storage.output_files import write_output

    if output is None:
        send_scored(sys.stdout, names, blocks)
    else:
        write_output(output, lambda partial: write_scored(partial, names, blocks))
