"""`cadc table`: the table of any runs of the ledger, in the terminal or as a file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cadc.cli.output import show
from cadc.cli.train import add_wide
from cadc.errors import CadcError, UsageError
from cadc.paths import user_path
from cadc.terminal.counted import counted

if TYPE_CHECKING:
    import pandas as pd

HELP = "print the table of any runs: arms are what differs, means and intervals are over seeds"

SUFFIXES = {".csv": "csv", ".md": "markdown", ".tex": "latex", ".html": "html"}
FORMATS = ("terminal", *SUFFIXES.values())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="KEY=VALUE",
        help="only runs with these values, such as data=ml-1m sampler.rate=0.1,1; or with a status, such as finished",
    )
    parser.add_argument("--metrics", help="metrics, such as auc,gauc (default: those of the task)")
    parser.add_argument("--columns", help="further columns, such as train_s,peak_rss_mb,sample.effective_size")
    parser.add_argument("--format", choices=FORMATS, help="form of the table (default: by the end of --output)")
    parser.add_argument("--output", type=user_path, help=f"file to write: {', '.join(SUFFIXES)}")
    add_wide(parser)


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    kind = _kind(arguments)
    from cadc.experiment.columns import check_column, check_metric
    from cadc.ledger import Ledger
    from cadc.ledger.listing import selected
    from cadc.reporting.sweeps.runs_table import records_of, runs_table
    from cadc.reporting.written.terminal import print_table
    from cadc.storage.output_files import check_output, write_output

    metrics, columns = (_listed(text) for text in (arguments.metrics, arguments.columns))
    for name in metrics:
        check_metric(name)
    for name in columns:
        check_column(name)
    if arguments.output:
        check_output(arguments.output)
    ledger = Ledger()
    records = records_of(selected(ledger, arguments.overrides))
    table = runs_table(records, ledger, metrics, columns)
    title = f"{counted(len(records), 'run')} in {ledger.folder}"
    title = ", ".join([title, *arguments.overrides])
    if kind == "terminal":
        print_table(title, table, arguments.wide)
    elif arguments.output:
        write_output(arguments.output, _text(kind, title, table))
        show(f"{len(table)} rows written to {arguments.output}")
    else:
        print(_text(kind, title, table), end="")
    require_complete(table, "the table shows the others")
    return 0


def require_complete(table: "pd.DataFrame", rest: str) -> None:
    """Raise a CadcError where runs of a table have no result.

    Parameters
    ----------
    table : which names these runs in its cells.
    rest : what there is of the others, for the message.
    """
    if missing := table.attrs.get("missing"):
        raise CadcError(f"{missing.partition(':')[0]}; {rest}.")


def _kind(arguments: argparse.Namespace) -> str:
    """Return the form of the table that was asked for."""
    if arguments.format:
        if arguments.format == "terminal" and arguments.output:
            raise UsageError("--format terminal and --output were both given; leave one of the two out.")
        return str(arguments.format)
    if arguments.output is None:
        return "terminal"
    ending = Path(arguments.output).suffix.lower()
    if ending not in SUFFIXES:
        raise UsageError(
            f"{arguments.output} ends in {ending or 'nothing'}; name a file that ends in "
            f"{', '.join(SUFFIXES)}, or give --format."
        )
    return SUFFIXES[ending]


def _text(kind: str, title: str, table: "pd.DataFrame") -> str:
    from cadc.reporting.table import markdown_text
    from cadc.reporting.written.html import html
    from cadc.reporting.written.latex import latex
    from cadc.storage.csv_tables import csv_text

    if kind == "csv":
        return csv_text(table)
    if kind == "latex":
        return latex(table)
    return html(title, table) if kind == "html" else markdown_text(table)


def _listed(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]
