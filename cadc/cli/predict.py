"""`cadc predict`: score new rows with the model of a finished run."""

import argparse
import sys

from cadc.cli.output import require_output
from cadc.paths import user_path

QUOTINGS = ("auto", "double", "none")
HELP = "score new rows (CSV or Parquet) with the model of a finished run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("run", help="id of a finished run, or its beginning")
    parser.add_argument("file", type=user_path, help="CSV or Parquet with the columns of the log")
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
    from cadc.data.text import unreadable
    from cadc.ledger import Ledger
    from cadc.paths import regular_file
    from cadc.serving.load import load_run
    from cadc.serving.predict import Prediction
    from cadc.serving.scored_file import check_suffix, send_scored, write_scored
    from cadc.storage.output_files import check_output, write_output

    if arguments.output is None:
        require_output("the scores")
    else:
        check_output(arguments.output)
        check_suffix(arguments.output)
    try:
        with regular_file(arguments.file).open("rb"):
            pass
    except OSError as error:
        raise unreadable(arguments.file, error) from error
    ledger = Ledger()
    prediction = Prediction(*load_run(ledger, ledger.find(arguments.run)), arguments.column)
    names, blocks = prediction.of_file(arguments.file, arguments.quoting, arguments.header)
    if arguments.output is None:
        send_scored(sys.stdout, names, blocks)
    else:
        write_output(arguments.output, lambda partial: write_scored(partial, names, blocks))
    return 0
