"""`cadc ledger`: what was run, what came out, in what two runs differ, and whether all is as it was written."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cadc.errors import CadcError, UsageError

if TYPE_CHECKING:
    from cadc.ledger.status import Entry
    from cadc.ledger.store import Ledger

HELP = "list, show, compare, verify or export runs"

ACTIONS = """\
  list [STATUS ...] [KEY=VALUE ...]  a line a run, such as `list finished data=ml-1m sampler.rate=0.1,1`
  show RUN [--json]                  all that is known of a run
  diff RUN RUN [--json]              in what two runs differ
  verify [RUN ...]                   hash every file, compute ids and metrics anew, and compare them with the records
  export [FILE] [--status STATUS]    a table of all finished runs, to a .csv, .parquet or .jsonl file

RUN is the id of a run, or its beginning.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of this command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = ACTIONS
    parser.add_argument("action", choices=list(COMMANDS))
    # Under this name the words may stand on both sides of an option.
    parser.add_argument("overrides", nargs="*", metavar="WORD", help="see below")
    parser.add_argument("--json", action="store_true", help="for programs (show, diff)")
    parser.add_argument("--status", help="of the runs to export (finished); `all` takes all")


def main(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from cadc.ledger.store import Ledger

    if arguments.json and arguments.action not in ("show", "diff"):
        raise UsageError(f"`cadc ledger {arguments.action}` has no --json; only show and diff have it.")
    if arguments.status and arguments.action != "export":
        raise UsageError(f"`cadc ledger {arguments.action}` has no --status; only export has it.")
    COMMANDS[arguments.action](Ledger(), arguments.overrides, arguments)
    return 0


def _list(ledger: "Ledger", words: Sequence[str], arguments: argparse.Namespace) -> None:
    from cadc.ledger.listing import counts, lines, select
    from cadc.ledger.status import entries_of

    entries = select(list(entries_of(ledger)), words)
    for line in lines(entries):
        print(line)
    print(f"{counts(entries)} in {ledger.folder}")
    _require_readable(entries)


def _show(ledger: "Ledger", words: Sequence[str], arguments: argparse.Namespace) -> None:
    from cadc.ledger.show import as_json, as_text

    (entry,) = _entries(ledger, words, 1, "show")
    for line in [as_json(entry)] if arguments.json else as_text(ledger, entry):
        print(line)


def _diff(ledger: "Ledger", words: Sequence[str], arguments: argparse.Namespace) -> None:
    from cadc.ledger.diff import as_json, as_text

    one, two = _entries(ledger, words, 2, "diff")
    for line in [as_json(one, two)] if arguments.json else as_text(one, two):
        print(line)


def _verify(ledger: "Ledger", words: Sequence[str], arguments: argparse.Namespace) -> None:
    from cadc.ledger.safe_text import harmless
    from cadc.ledger.verify import leftovers, run_ids, verify

    wanted = dict.fromkeys(ledger.find(word, any_status=True) for word in words) if words else run_ids(ledger)
    findings = {}
    for run_id in wanted:
        finding = findings[run_id] = verify(ledger, run_id)
        for line in (*finding.faults, *finding.notes):
            print(f"{harmless(run_id, 80)}  {line}", flush=True)
    for line in leftovers(ledger) if not words else ():
        print(line)
    n_faults = sum(len(finding.faults) for finding in findings.values())
    if n_faults:
        n_faulty = sum(bool(finding.faults) for finding in findings.values())
        raise CadcError(
            f"{n_faults} {'fault' if n_faults == 1 else 'faults'} in {n_faulty} of {_runs(len(findings))} of "
            f"{ledger.folder}; delete the folder of such a run, and the command that made it makes it anew."
        )
    n_open = sum(not finding.has_hashes for finding in findings.values())
    left_open = f"; {n_open} of schema version 1 without hashes of their files" if n_open else ""
    print(f"{_runs(len(findings))} verified, no faults in {ledger.folder}{left_open}")


def _export(ledger: "Ledger", words: Sequence[str], arguments: argparse.Namespace) -> None:
    import sys

    from cadc.ledger.export import write
    from cadc.ledger.status import STATUSES, entries_of

    if len(words) > 1:
        raise UsageError(f"`cadc ledger export` takes one file, not {len(words)}.")
    wanted = arguments.status or "finished"
    if wanted not in (*STATUSES[:-1], "all"):
        raise UsageError(f"{wanted!r} is no status; choose of {', '.join(STATUSES[:-1])} and all.")
    entries = list(entries_of(ledger))
    for entry in entries:
        if entry.fault:
            print(f"left out: {entry.fault}", file=sys.stderr)
    chosen = [entry for entry in entries if entry.status == wanted or (wanted == "all" and not entry.fault)]
    write(chosen, Path(words[0]) if words else None)
    if words:
        print(f"{_runs(len(chosen))} written to {words[0]}")
    _require_readable(entries)


def _entries(ledger: "Ledger", words: Sequence[str], n: int, action: str) -> "list[Entry]":
    """Return the runs that words name."""
    from cadc.ledger.status import look_up

    if len(words) != n:
        raise UsageError(
            f"`cadc ledger {action}` takes {_runs(n)}, not {len(words)}; `cadc ledger list` shows their ids."
        )
    found = []
    for word in words:
        run_id = ledger.find(word, any_status=True)
        entry = look_up(ledger, run_id)
        if entry is None or entry.fault:
            raise CadcError(entry.fault if entry else f"nothing is known of {run_id}.")
        found.append(entry)
    return found


def _require_readable(entries: "Sequence[Entry]") -> None:
    """Raise where the record of a run is damaged."""
    n_damaged = sum(bool(entry.fault) for entry in entries)
    if n_damaged:
        raise CadcError(f"{n_damaged} of {_runs(len(entries))} cannot be read; the lines above say why.")


def _runs(n: int) -> str:
    return f"{n} run{'s' * (n != 1)}"


COMMANDS = {"list": _list, "show": _show, "diff": _diff, "verify": _verify, "export": _export}
