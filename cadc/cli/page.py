"""`cadc page`: experiments and runs as one HTML file, which a browser opens without a network."""

import argparse
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cadc.cli.output import show
from cadc.errors import CadcError, UsageError, shown
from cadc.paths import user_path
from cadc.terminal.counted import counted

if TYPE_CHECKING:
    from cadc.ledger.store import Ledger
    from cadc.reporting.page.source import Source

HELP = "show experiments or runs in a browser: one HTML file with table, charts and comparisons"

NAMES = """\
NAME is an experiment whose results lie in results/ or outputs/, a folder of results, the id of a run or its beginning,
a status, or KEY=VALUE, which chooses runs of the ledger as `cadc table` does. Without a name, the page shows all runs
of the ledger.

With --index, NAME is a folder of results of several experiments (results), and NAME/index.html says what each of them
asked and what came out, and leads to its page, table and figure.

With --watch, the page follows the sweep, experiment or study that began last and still works (or NAME, an experiment or
study), and ends with it: exit status 0 if all runs are done, 1 if some failed or the sweep was interrupted.
"""

ENDS = {
    "done": "all runs are done",
    "failed": "the sweep ended, and runs failed; the page says why",
    "interrupted": "the sweep was interrupted; the same command goes on",
}
"""What is said at the end of --watch."""

WAIT = 60.0
"""Seconds for which --watch waits for a sweep to begin."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = NAMES
    # Arguments of this name may precede and follow an option.
    parser.add_argument("overrides", nargs="*", metavar="NAME", help="what is shown, see below")
    parser.add_argument("--watch", action="store_true", help="follow a sweep that works until it ends")
    parser.add_argument("--index", action="store_true", help="write the index of a folder of results")
    parser.add_argument("--output", type=user_path, help="file of the page (page.html; with --index NAME/index.html)")


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from cadc.ledger.store import Ledger
    from cadc.reporting.page.data import page_data
    from cadc.reporting.page.frame import html
    from cadc.storage.output_files import check_output, write_output

    if arguments.index:
        return index(arguments)
    arguments.output = arguments.output or Path("page.html")
    check_output(arguments.output)
    ledger = Ledger()
    if arguments.watch:
        return watch(arguments, ledger)
    command = shlex.join(["cadc", "page", *arguments.overrides])
    found = sources(arguments.overrides, ledger)
    data = page_data(found, ledger, command)
    write_output(arguments.output, html(data))
    places = ", ".join(dict.fromkeys(source.place for source in found))
    show(f"{counted(len(data['runs']), 'run')} of {places}; written to {arguments.output}")
    return 0


def index(arguments: argparse.Namespace) -> int:
    """Write the index of a folder of results; return the exit status."""
    from cadc.reporting.page.index import index_html, result_folders
    from cadc.storage.output_files import check_output, write_output

    if arguments.watch:
        raise UsageError("--index and --watch were both given; leave one of the two out.")
    if len(arguments.overrides) > 1:
        raise UsageError(
            f"--index takes one folder of results, but got {len(arguments.overrides)}; leave out all but one."
        )
    folder = user_path(arguments.overrides[0]) if arguments.overrides else Path("results")
    folders = result_folders(folder)
    output = arguments.output or folder / "index.html"
    check_output(output)
    command = shlex.join(["cadc", "page", "--index", *arguments.overrides])
    write_output(output, index_html(folders, output, command))
    show(f"{counted(len(folders), 'experiment')}; written to {output}")
    return 0


def watch(arguments: argparse.Namespace, ledger: "Ledger") -> int:
    """Follow a sweep until it ends; return the exit status."""
    from cadc.reporting.page.watch import Watch, sweep_to_watch
    from cadc.terminal.progress import say

    if len(arguments.overrides) > 1:
        raise UsageError(
            f"--watch follows one sweep, but got {len(arguments.overrides)} names; give one experiment or study, or "
            "leave the name out."
        )
    name = arguments.overrides[0] if arguments.overrides else ""
    began, is_said = time.monotonic(), False
    while (sweep := sweep_to_watch(ledger, name)) is None:
        if time.monotonic() - began > WAIT:
            which = f"{shown(name)} does not work in {ledger.folder}" if name else f"nothing works in {ledger.folder}"
            raise CadcError(f"{which}; begin a sweep, then watch it, or leave --watch out to see what is finished.")
        if not is_said:
            say(f"waiting for {name or 'a sweep'} to begin in {ledger.folder}")
            is_said = True
        time.sleep(1.0)
    show(f"open {arguments.output} in a browser; Ctrl-C ends the watching, not the sweep")
    command = shlex.join(["cadc", "page", "--watch", *arguments.overrides])
    try:
        end = Watch(ledger, sweep, arguments.output, command, say, goes_on=not name).until_it_ends()
    except KeyboardInterrupt as stopped:
        raise KeyboardInterrupt(
            f"no longer watched; the sweep goes on, and {arguments.output} shows it so far."
        ) from stopped
    show(f"{ENDS[end]}; written to {arguments.output}")
    return 0 if end == "done" else 1


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
    from cadc.ledger.listing import selected
    from cadc.ledger.status import STATUSES
    from cadc.reporting.page.source import from_records
    from cadc.reporting.sweeps.runs_table import records_of

    filters = [name for name in names if "=" in name or name in STATUSES]
    for name in names:
        if name not in filters and name in experiments():
            raise UsageError(f"{name} has no results in results/ or outputs/; `cadc experiment {name}` makes them.")
    ids = {ledger.find(name) for name in names if name not in filters}
    chosen = [entry for entry in selected(ledger, filters) if not ids or entry.run_id in ids]
    if not chosen:
        raise UsageError(
            f"no runs in {ledger.folder} match {shown(' '.join(names))}; `cadc ledger list` shows what there is."
        )
    records = records_of(chosen)
    return from_records(records, ledger, " ".join(names) or "runs", shlex.join(["cadc", "page", *names]))
