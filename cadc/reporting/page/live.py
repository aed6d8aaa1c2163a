"""How a sweep stands, as the page shows it while the sweep works: counts, time left, running runs, failures."""

import time
from collections.abc import Mapping
from typing import Any

from cadc.errors import CadcError
from cadc.ledger.reading import Record
from cadc.ledger.runs_on_disk import RunsOnDisk
from cadc.ledger.safe_text import harmless
from cadc.ledger.status import Entry, look_up
from cadc.ledger.store import Ledger
from cadc.ledger.sweeps import Standing, Sweep, SweepRun
from cadc.reporting.page.columns import plain
from cadc.reporting.page.runs import thinned


class Standings:
    """Follows the runs of a sweep; what has ended is read once.

    Parameters
    ----------
    ledger : of the runs.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._ended: dict[str, Entry] = {}

    def entries(self, runs: "list[SweepRun] | tuple[SweepRun, ...]") -> dict[str, Entry]:
        """Return what the ledger knows of runs, by id."""
        found = {}
        for run in runs:
            entry = self._ended.get(run.run_id) or look_up(self.ledger, run.run_id)
            if entry is not None:
                found[run.run_id] = entry
                if entry.status in ("finished", "pruned"):  # one that failed may be tried again
                    self._ended[run.run_id] = entry
        return found


def finished(sweep: Sweep, entries: Mapping[str, Entry]) -> list[tuple[SweepRun, Record]]:
    """Return the runs of a sweep that have a result, and their records."""
    return [
        (run, entries[run.run_id].known)
        for run in sweep.runs
        if run.run_id in entries and entries[run.run_id].status == "finished"
    ]


def live_data(sweep: Sweep, entries: Mapping[str, Entry], end: str = "") -> dict[str, Any]:
    """Return how a sweep stands, see `live` in docs/reference/page.md.

    Parameters
    ----------
    sweep, entries : see `Standings`.
    end : how it ended: `done`, `failed`, `interrupted`, or `stopped` if nobody watches it any more; empty before.
    """
    standing = Standing.of(sweep, {run_id: entry.status for run_id, entry in entries.items()})
    known = [(run, entries[run.run_id]) for run in sweep.runs if run.run_id in entries]
    return {
        "at": round(time.time(), 1),
        "end": end,
        "name": sweep.name,
        "begun_at": sweep.begun_at,
        "n_runs": sweep.n_runs,
        "done": standing.done,
        "running": standing.running,
        "failed": standing.failed,
        "left": standing.left,
        "seconds_left": None if end or sweep.remaining is None else round(sweep.remaining),
        "runs": [_running(run, entry) for run, entry in known if entry.status == "running"],
        "failures": [
            {"id": run.run_id, "label": label(run), "status": entry.status, "reason": reason(entry)}
            for run, entry in known
            if entry.status in ("failed", "interrupted", "damaged")
        ],
    }


def label(run: SweepRun) -> str:
    """Return the name of a run on the page: its arm and the overrides in which it differs, else its id."""
    return " ".join(filter(None, [run.arm, run.overrides])) or run.run_id


def reason(entry: Entry) -> str:
    """Return why a run failed or was interrupted."""
    return entry.fault or harmless(entry.known.get("reason", entry.state or "its process ended"), 500)


def _running(run: SweepRun, entry: Entry) -> dict[str, Any]:
    import pandas as pd

    found: dict[str, Any] = {"id": run.run_id, "label": label(run), "process": entry.state, "stage": "", "curves": {}}
    progress = entry.progress
    if progress is None:
        return found
    return found | {
        "stage": harmless(progress.stage, 80),
        "epoch": len(progress.epochs),
        "max_epochs": progress.max_epochs,
        "share": plain(progress.share),
        "seconds": round(progress.elapsed(is_running=True), 1),
        "metrics": {name: plain(value) for name, value in progress.metrics.items()},
        "curves": thinned(pd.DataFrame([dict(row) for row in progress.epochs])) if progress.epochs else {},
    }


def of_running(ledger: RunsOnDisk) -> Sweep | None:
    """Return the runs that work outside of a sweep, as a sweep; None if there is none."""
    running = [run_id for run_id, status in _begun(ledger).items() if status == "running"]
    if not running:
        return None
    return Sweep("", "", [SweepRun(run_id) for run_id in running], len(running), "", None, 0.0, True)


def _begun(ledger: RunsOnDisk) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for folder in sorted(ledger.workplace("-").parent.glob("[!.]*")):
        try:
            found[folder.name] = ledger.status(folder.name)
        except CadcError:
            found[folder.name] = "damaged"
    return found
