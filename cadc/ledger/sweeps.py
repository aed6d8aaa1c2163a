"""Which runs a sweep intends to make: a file that its process writes, under a lease of its own, while it works.

The file is in `.sweeps/ID` of the ledger, where the id follows from the runs. It names every run of the sweep and the
estimated time left; how each run stands is known from the ledger alone. Of several processes that work on the same
sweep one writes it, and another one takes over if that is killed. It is gone once all runs have ended; while nobody
holds its lease, the sweep was interrupted.
"""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cadc.configuration.nested import depth
from cadc.errors import Lost
from cadc.ledger.runs_on_disk import RunsOnDisk
from cadc.ledger.safe_text import harmless, number
from cadc.provenance.fingerprint import digest
from cadc.storage.lease import Lease, claim, holder
from cadc.storage.under_lease import clear, put_file
from cadc.terminal.progress import clock

SWEEPS, FILE = ".sweeps", "sweep.json"

PAUSE = 1.0
"""Least seconds between two notes of the time left."""


@dataclass(frozen=True)
class SweepRun:
    """A run of a sweep.

    Parameters
    ----------
    run_id : its id.
    arm : of the experiment; empty outside of one.
    overrides : in which it differs from other runs of the sweep.
    """

    run_id: str
    arm: str = ""
    overrides: str = ""


@dataclass(frozen=True)
class Sweep:
    """A sweep that works, or that was interrupted.

    Parameters
    ----------
    sweep_id : name of its folder.
    name : of the experiment or the study; empty for runs of a command line.
    runs : those that are known so far.
    n_runs : number of runs in all; a study chooses its runs one after the other.
    begun_at : in UTC, such as `2026-11-29T14:03:11+00:00`.
    seconds_left, noted_at : estimated time left when it was noted, in seconds since 1970; None if it is not known.
    is_running : whether a process works on it.
    process : that works on it, as a lease names it; None if none does.
    """

    sweep_id: str
    name: str
    runs: Sequence[SweepRun]
    n_runs: int
    begun_at: str
    seconds_left: float | None
    noted_at: float
    is_running: bool
    process: Mapping[str, Any] | None = None

    @property
    def remaining(self) -> float | None:
        """Estimated seconds left now."""
        if self.seconds_left is None:
            return None
        return max(0.0, self.seconds_left - max(0.0, time.time() - self.noted_at))


class SweepNotes:
    """Notes which runs a sweep intends to make, as long as it makes any.

    What cannot be written is left out, since a sweep must not end because of it.

    Parameters
    ----------
    ledger : of the runs.
    name, runs, n_runs : see `Sweep`; `n_runs` is None for as many as there are `runs`.
    """

    def __init__(self, ledger: RunsOnDisk, name: str, runs: Sequence[SweepRun], n_runs: int | None = None) -> None:
        self.runs, self._n_runs, self._name = list(runs), n_runs, name
        which = name if n_runs is not None else sorted(run.run_id for run in runs)
        self._folder = ledger.folder / SWEEPS / digest(which)
        self._begun_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._lease: Lease | None = None
        self._seconds_left: float | None = None
        self._written = 0.0

    def work(self) -> None:
        """Note the sweep, unless another process that works on it does; called before each run."""
        if self._lease is not None and self._lease.is_held():
            return
        with suppress(OSError):
            self._lease = claim(self._folder, "the notes of this sweep")
            self._write()

    def left(self, seconds: float | None) -> None:
        """Note the estimated seconds left."""
        self._seconds_left = seconds
        if time.monotonic() - self._written > PAUSE:
            self._write()

    def add(self, runs: Sequence[SweepRun]) -> None:
        """Add runs that a study chose."""
        known = {run.run_id for run in self.runs}
        if new := [run for run in runs if run.run_id not in known]:
            self.runs += new
            self._write()

    def end(self, is_over: bool) -> None:
        """Remove the note of a sweep that is over; of one that was interrupted it stays, without a lease."""
        if is_over and self._lease is None and self._folder.is_dir():
            with suppress(OSError):  # the process that noted it was killed after its last run
                self._lease = claim(self._folder)
        if self._lease is None:
            return
        if is_over:
            clear(self._lease)
            with suppress(OSError):  # others are in it
                self._folder.parent.rmdir()
        else:
            self._lease.release()

    def _write(self) -> None:
        if self._lease is None:
            return
        content = {
            "name": self._name,
            "n_runs": len(self.runs) if self._n_runs is None else self._n_runs,
            "begun_at": self._begun_at,
            "seconds_left": self._seconds_left,
            "noted_at": round(time.time(), 3),
            "runs": [asdict(run) for run in self.runs],
        }
        with suppress(OSError, Lost):
            put_file(self._lease, self._folder / FILE, json.dumps(content), durable=False)
        self._written = time.monotonic()


def sweeps(ledger: RunsOnDisk) -> list[Sweep]:
    """Return the sweeps that work or were interrupted, as they began; those with a damaged note are left out."""
    found = [_read(folder) for folder in sorted((ledger.folder / SWEEPS).glob("[!.]*"))]
    return sorted(filter(None, found), key=lambda sweep: (sweep.begun_at, sweep.sweep_id))


def _read(folder: Path) -> Sweep | None:
    try:
        found = json.loads((folder / FILE).read_text())
        if not isinstance(found, dict) or depth(found) > 4:
            return None
        runs = [SweepRun(*(str(run[key]) for key in ("run_id", "arm", "overrides"))) for run in found["runs"]]
        n_runs = number(found["n_runs"])
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    held = holder(folder)
    process = None if held is None else {key: value for key, value in held.items() if key != "token"}
    return Sweep(
        folder.name,
        str(found.get("name", "")),
        runs,
        max(len(runs), int(n_runs or 0)),
        str(found.get("begun_at", "")),
        number(found.get("seconds_left")),
        number(found.get("noted_at")) or 0.0,
        process is not None,
        process,
    )


@dataclass(frozen=True)
class Standing:
    """How many runs of a sweep are done, running, failed and left; done are those that finished or were pruned."""

    done: int
    running: int
    failed: int
    left: int

    @classmethod
    def of(cls, sweep: Sweep, statuses: Mapping[str, Any]) -> "Standing":
        """Return how a sweep stands.

        Parameters
        ----------
        sweep : of the ledger.
        statuses : status of each run that the ledger knows, by id.
        """
        found = [statuses.get(run.run_id) for run in sweep.runs]
        done = sum(status in ("finished", "pruned") for status in found)
        running, failed = found.count("running"), found.count("failed")
        return cls(done, running, failed, sweep.n_runs - done - running - failed)

    def __str__(self) -> str:
        return f"{self.done} done, {self.running} running, {self.failed} failed, {self.left} left"


def sweep_line(sweep: Sweep, statuses: Mapping[str, Any]) -> str:
    """Return in a line how a sweep stands, and the time left or how it goes on.

    Parameters
    ----------
    sweep, statuses : see `Standing.of`.
    """
    name = harmless(sweep.name, 80) or f"of {sweep.n_runs} runs"
    if not sweep.is_running:
        then = "; it was interrupted, the same command goes on"
    else:
        then = "" if sweep.remaining is None else f", about {clock(sweep.remaining)} to go"
    return f"sweep {name}: {Standing.of(sweep, statuses)}{then}"
