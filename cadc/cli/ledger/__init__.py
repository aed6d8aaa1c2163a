"""`cadc ledger`: list, show, compare, verify, export, pack and unpack runs."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cadc.cli.ledger.parts import add_arguments as add_arguments_of_parts
from cadc.cli.ledger.parts import pack, unpack
from cadc.cli.output import remark_cut, require_output, show
from cadc.errors import CadcError, UsageError
from cadc.paths import user_path
from cadc.terminal.counted import counted
from cadc.terminal.progress import say

if TYPE_CHECKING:
    from cadc.ledger.status import Entry
    from cadc.ledger.store import Ledger

HELP = "list, show, compare, verify, export, pack or unpack runs"

ACTIONS = """\
  list [STATUS ...] [KEY=VALUE ...]  a line a run, such as `list finished data=ml-1m sampler.rate=0.1,1`; also `ls`
      --sort KEY                     by a metric such as test/auc, best first; by a key such as sampler.rate; or by
                                     run, status, ended, seconds, epoch (default: as they ended, the newest last)
      --reverse                      turn that order round
      --limit N                      only the first N of that order; without --sort the N newest
      --wide                         all columns and whole texts, also where the terminal is too narrow
  show RUN [--json]                  all that is known about a run
  diff RUN RUN [--json]              differences between two runs
  verify [RUN | FOLDER ...]          recompute hashes, ids and metrics, and compare them with the records;
                                     of a folder of results, each file and record
  export [FILE] [--status STATUS]    write a table of all finished runs to a .csv, .parquet or .jsonl file
  pack [EXPERIMENT | RUN ...] --output FILE.zip [--arm ARM] [--fast] [KEY=VALUE ...] [--weights]
                                     write records, curves and test scores of runs to an archive; without names of all
                                     finished runs
  unpack FILE.zip                    add the runs of an archive, each of which is verified

RUN is the id of a run, or its beginning.
"""

FULL_IDS = 120
"""Least width of a terminal on which ids are shown whole; narrower ones show beginnings that name one run each."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = ACTIONS
    parser.add_argument("action", choices=list(COMMANDS), type=lambda word: ALIASES.get(word, word))
    # Arguments of this name may precede and follow an option.
    parser.add_argument("overrides", nargs="*", metavar="ARGUMENT", help="see below")
    parser.add_argument("--json", action="store_true", help="print JSON (show, diff)")
    parser.add_argument("--sort", metavar="KEY", help="order of the runs (list)")
    parser.add_argument("--reverse", action="store_true", help="turn the order round (list)")
    parser.add_argument("--limit", type=int, metavar="N", help="show at most so many runs (list)")
    parser.add_argument("--wide", action="store_true", help="show all columns (list)")
    parser.add_argument("--status", help="of the runs to export (default finished; `all` for all)")
    add_arguments_of_parts(parser)


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from cadc.ledger.store import Ledger

    if arguments.json and arguments.action not in ("show", "diff"):
        raise UsageError(f"`cadc ledger {arguments.action}` does not have --json; only show and diff have it.")
    if arguments.action not in ("list", "ls"):
        for option in ("sort", "reverse", "limit", "wide"):
            if vars(arguments)[option] not in (None, False):
                raise UsageError(f"`cadc ledger {arguments.action}` does not have --{option}; only list has it.")
    if arguments.action != "pack":
        for option in ("output", "arm", "fast", "weights"):
            if vars(arguments)[option]:
                raise UsageError(f"`cadc ledger {arguments.action}` does not have --{option}; only pack has it.")
    if arguments.limit is not None and arguments.limit < 1:
        raise UsageError(f"--limit is {arguments.limit}; expected a number of runs, at least 1.")
    if arguments.status and arguments.action != "export":
        raise UsageError(f"`cadc ledger {arguments.action}` does not have --status; only export has it.")
    COMMANDS[arguments.action](Ledger(), arguments.overrides, arguments)
    return 0


def _list(ledger: "Ledger", given: Sequence[str], arguments: argparse.Namespace) -> None:
    from cadc.ledger.listing import counts, select
    from cadc.ledger.order import in_order, limited
    from cadc.ledger.run_columns import run_columns
    from cadc.ledger.status import entries_of
    from cadc.ledger.sweeps import sweep_line, sweeps
    from cadc.terminal.aligned import aligned, terminal_width

    entries = list(entries_of(ledger))
    width = None if arguments.wide else terminal_width()
    shortened = [entry.run_id for entry in entries] if width is not None and width < FULL_IDS else []
    found = select(entries, given)
    listed = limited(in_order(found, arguments.sort, arguments.reverse), arguments.sort, arguments.limit)
    is_cut = False
    if listed:
        lines, is_cut = aligned(run_columns(listed, shortened), width)
        show(*lines)
    of = f" of {len(found)}" if len(listed) < len(found) else ""
    show(f"{counts(listed, of)} in {ledger.folder}")
    statuses = {entry.run_id: entry.status for entry in entries}
    for sweep in sweeps(ledger):
        show(sweep_line(sweep, statuses))
    remark_cut(is_cut)
    _require_readable(listed)


def _show(ledger: "Ledger", given: Sequence[str], arguments: argparse.Namespace) -> None:
    from cadc.ledger.show import as_json, as_text

    (entry,) = _entries(ledger, given, 1, "show")
    for line in as_json(entry).splitlines() if arguments.json else as_text(ledger, entry):
        show(line)


def _diff(ledger: "Ledger", given: Sequence[str], arguments: argparse.Namespace) -> None:
    from cadc.ledger.diff import as_json, as_text

    one, two = _entries(ledger, given, 2, "diff")
    for line in as_json(one, two).splitlines() if arguments.json else as_text(one, two):
        show(line)


def _verify(ledger: "Ledger", given: Sequence[str], arguments: argparse.Namespace) -> None:
    from cadc.ledger.safe_text import harmless
    from cadc.ledger.verify import leftovers, run_ids, verify
    from cadc.reporting.verify import is_results, verify_results

    folders = [name for name in given if is_results(user_path(name))]
    prefixes = [name for name in given if name not in folders]
    ids = dict.fromkeys(ledger.find(prefix, any_status=True) for prefix in prefixes) if given else run_ids(ledger)
    findings = {}
    for name in (*dict.fromkeys(folders), *ids):
        finding = findings[name] = verify_results(user_path(name)) if name in folders else verify(ledger, name)
        for line in (*finding.faults, *finding.notes):
            show(f"{harmless(name, 80)}  {line}")
    for line in leftovers(ledger) if not given else ():
        show(line)
    n_faults = sum(len(finding.faults) for finding in findings.values())
    what = _counted(len(ids), len(findings) - len(ids))
    place = f" in {ledger.folder}" if ids or not folders else ""
    if n_faults:
        n_faulty = sum(bool(finding.faults) for finding in findings.values())
        of = f"{n_faulty} of {what} of {ledger.folder}" if place else f"{n_faulty} of {what}"
        advice = (
            "delete the folders of these runs and run them again" if place else "restore the files, or report again"
        )
        raise CadcError(f"{n_faults} {'fault' if n_faults == 1 else 'faults'} in {of}; {advice}.")
    n_open = sum(not finding.has_hashes for finding in findings.values())
    left_open = f"; {n_open} of earlier versions without hashes of their files" if n_open else ""
    n_times = sum(not finding.has_seal for finding in findings.values())
    left_open += f"; {n_times} of earlier versions, whose times are not sealed" if n_times else ""
    n_without = sum(bool(finding.left_out) for finding in findings.values())
    left_open += f"; {n_without} unpacked without weights" if n_without else ""
    show(f"{what} verified, no faults{place}{left_open}")


def _counted(n_runs: int, n_folders: int) -> str:
    parts = [counted(n_runs, "run")] if n_runs or not n_folders else []
    return " and ".join([*parts, *([f"{counted(n_folders, 'folder')} of results"] if n_folders else [])])


def _export(ledger: "Ledger", given: Sequence[str], arguments: argparse.Namespace) -> None:

    from cadc.ledger.export import write
    from cadc.ledger.status import STATUSES, entries_of

    if len(given) > 1:
        raise UsageError(f"`cadc ledger export` takes one file, but got {len(given)}; leave out all but one.")
    wanted = arguments.status or "finished"
    if wanted not in (*STATUSES[:-1], "all"):
        raise UsageError(f"{wanted!r} is not a status; choose one of {', '.join(STATUSES[:-1])}, all.")
    if not given:
        require_output("the runs")
    entries = list(entries_of(ledger))
    for entry in entries:
        if entry.fault:
            say(f"left out: {entry.fault}")
    chosen = [entry for entry in entries if entry.status == wanted or (wanted == "all" and not entry.fault)]
    write(chosen, user_path(given[0]) if given else None)
    if given:
        show(f"{counted(len(chosen), 'run')} written to {given[0]}")
    _require_readable(entries)


def _entries(ledger: "Ledger", given: Sequence[str], n: int, action: str) -> "list[Entry]":
    """Return the entries of the runs that are named."""
    from cadc.ledger.status import look_up

    if len(given) != n:
        raise UsageError(
            f"`cadc ledger {action}` takes {counted(n, 'run')}, but got {len(given)}; `cadc ledger list` shows their "
            "ids."
        )
    found = []
    for prefix in given:
        run_id = ledger.find(prefix, any_status=True)
        entry = look_up(ledger, run_id)
        if entry is None or entry.fault:
            raise CadcError(entry.fault if entry else f"nothing is known about run {run_id}.")
        found.append(entry)
    return found


def _require_readable(entries: "Sequence[Entry]") -> None:
    """Raise a CadcError if the record of a run is damaged."""
    n_damaged = sum(bool(entry.fault) for entry in entries)
    if n_damaged:
        raise CadcError(f"{n_damaged} of {counted(len(entries), 'run')} cannot be read; see the lines above.")


COMMANDS = {
    "list": _list,
    "show": _show,
    "diff": _diff,
    "verify": _verify,
    "export": _export,
    "pack": pack,
    "unpack": unpack,
}

ALIASES = {"ls": "list"}
"""Other words for an action."""
