"""`cadc page`: experiments and runs as one HTML file, which a browser opens without a network."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from cadc.cli.output import show
from cadc.errors import UsageError, shown
from cadc.paths import user_path

if TYPE_CHECKING:
    from cadc.ledger.store import Ledger
    from cadc.reporting.page.source import Source

HELP = "show experiments or runs in a browser: one HTML file with table, charts and comparisons"

NAMES = """\
NAME is an experiment whose results lie in results/ or outputs/, a folder of results, the id of a run or its beginning,
a status, or KEY=VALUE, which chooses runs of the ledger as `cadc ledger list` does. Without a name, the page shows all
finished runs of the ledger.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = NAMES
    # Arguments of this name may precede and follow an option.
    parser.add_argument("overrides", nargs="*", metavar="NAME", help="what is shown, see below")
    parser.add_argument("--output", type=user_path, default=Path("page.html"), help="file of the page (page.html)")


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from cadc.ledger.store import Ledger
    from cadc.reporting.page.data import page_data
    from cadc.reporting.page.frame import html
    from cadc.storage.output_files import check_output, write_output

    check_output(arguments.output)
    ledger = Ledger()
    command = shlex.join(["cadc", "page", *arguments.overrides])
    data = page_data(sources(arguments.overrides, ledger), ledger, command)
    write_output(arguments.output, html(data))
    show(f"{len(data['runs'])} runs; written to {arguments.output}")
    return 0


def sources(names: list[str], ledger: "Ledger") -> "list[Source]":
    """Return the parts of a page: one for each experiment, and one for all runs that are named."""
    from cadc.reporting.page.source import from_results, results_folder

    folders = {name: folder for name in names if (folder := results_folder(name)) is not None}
    of_runs = [name for name in names if name not in folders]
    found = [from_results(folder) for folder in folders.values()]
    return [*found, *([_of_runs(of_runs, ledger)] if of_runs or not names else [])]


def _of_runs(names: list[str], ledger: "Ledger") -> "Source":
    """Return the runs that ids, statuses and values of keys choose."""
    from cadc.experiment import names as experiments
    from cadc.ledger.listing import select
    from cadc.ledger.status import STATUSES, entries_of
    from cadc.reporting.page.source import from_records

    filters = [name for name in names if "=" in name or name in STATUSES]
    for name in names:
        if name not in filters and name in experiments():
            raise UsageError(f"{name} has no results in results/ or outputs/; `cadc experiment {name}` makes them.")
    ids = {ledger.find(name) for name in names if name not in filters}
    entries = [entry for entry in entries_of(ledger) if not ids or entry.run_id in ids]
    chosen = [entry.known for entry in select(entries, filters) if entry.status == "finished"]
    if not chosen:
        which = f"match {shown(' '.join(names))}" if names else "are finished"
        raise UsageError(f"no runs in {ledger.folder} {which}; `cadc ledger list` shows what there is.")
    return from_records(chosen, " ".join(names) or "runs", shlex.join(["cadc", "page", *names]))
