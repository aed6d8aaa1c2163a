"""Entries of a ledger with their status; a damaged record gives an entry with its fault, not an error."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadc.configuration.nested import depth
from cadc.errors import CadcError
from cadc.ledger.progress import Progress, read_progress
from cadc.ledger.safe_text import harmless, number, since
from cadc.ledger.store import Ledger, Record
from cadc.storage.lease import holder
from cadc.storage.run_files import RECORD

STATUSES = ("finished", "failed", "pruned", "running", "interrupted", "damaged")

RECORDED = STATUSES[:3]

DEEPEST = 30
"""Most levels of nesting of a record; `cadc` writes five."""


@dataclass(frozen=True)
class Entry:
    """A run in a ledger.

    Parameters
    ----------
    run_id : name of its folder.
    status : one of `STATUSES`.
    known : its record, or what is known about it while it is unfinished.
    fault : what is wrong with its record; empty if nothing is.
    state : the process that works on it, or when one last did; empty if it has ended.
    progress : how far it is; None if it has ended, or has not said.
    """

    run_id: str
    status: str
    known: Record
    fault: str = ""
    state: str = ""
    progress: Progress | None = None


def entries_of(ledger: Ledger) -> Iterator[Entry]:
    """Yield every run of a ledger, by id."""
    begun = {path.name for path in workplaces(ledger)}
    for run_id in ledger.names():
        if (entry := look_up(ledger, run_id, run_id in begun)) is not None:
            yield entry


def workplaces(ledger: Ledger) -> list[Path]:
    """Return the folders of unfinished runs, sorted by id."""
    return sorted(path for path in ledger.checkpoints("-").parents[1].glob("[!.]*") if path.is_dir())


def look_up(ledger: Ledger, run_id: str, begun: bool = True) -> Entry | None:
    """Return the entry of a run; None if the ledger knows nothing about it.

    Parameters
    ----------
    ledger, run_id : of the run.
    begun : whether it may have unfinished files; looking for them takes time.
    """
    record: Record | None = None
    try:
        if (ledger.path(run_id) / RECORD).exists():
            record = ledger.record(run_id)
            require_known_status(record)
        status = ledger.status(run_id) if begun else str(record.get("status", "finished")) if record else None
    except (CadcError, OSError) as error:
        return Entry(run_id, "damaged", {}, harmless(error))
    if status is None:
        return None
    if status not in ("running", "interrupted"):
        return Entry(run_id, status, record or {})
    known = ledger.about(run_id)
    if depth(known) > DEEPEST:
        known = {}
    progress = read_progress(ledger.workplace(run_id))
    return Entry(run_id, status, known or record or {}, "", state(ledger, run_id), progress)


def require_known_status(record: Record) -> None:
    """Raise a CadcError if a record is nested too deeply, or says that its run ended in no known way."""
    if depth(record) > DEEPEST:
        raise CadcError(f"its record is nested {depth(record)} levels deep; expected at most {DEEPEST}.")
    if (status := record.get("status", "finished")) not in RECORDED:
        raise CadcError(f"the status of its record is {status!r}; expected one of {', '.join(RECORDED)}.")


def state(ledger: Ledger, run_id: str) -> str:
    """Return the process that works on an unfinished run, or how long ago one did and whether it has a checkpoint."""
    workplace = ledger.checkpoints(run_id).parent
    who = holder(workplace)
    if who is not None:
        return f"process {harmless(_process(who), 40)} on {harmless(who.get('host'), 80)}"
    parts = []
    times, checkpoints = [], 0
    with suppress(OSError):
        for path in (*workplace.iterdir(), *ledger.checkpoints(run_id).rglob("*.ckpt")):
            times.append(path.stat().st_mtime)
            checkpoints += path.suffix == ".ckpt"
    if times:
        parts.append(f"last sign of life {since(max(times))}")
    parts.append("with a checkpoint" if checkpoints else "without a checkpoint")
    return ", ".join(parts)


def _process(who: dict[str, Any]) -> Any:
    process = number(who.get("process"))
    return "unknown" if process is None else int(process)
