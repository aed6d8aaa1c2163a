"""How far an unfinished run is: a small file beside its lease, which the process that works on the run rewrites.

The file is for people and pages that look at a run while it works. Nothing of it enters the record or the id of the
run, and a run never ends because it could not be written.
"""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cadc.configuration.nested import depth
from cadc.errors import Lost
from cadc.ledger.safe_text import harmless, number
from cadc.storage.lease import Lease
from cadc.storage.run_files import PROGRESS
from cadc.storage.under_lease import put_file
from cadc.terminal.counted import counted
from cadc.terminal.progress import clock
from cadc.terminal.work import Follower

PAUSE = 1.0
"""Least seconds between two notes within an epoch."""

FIRST_COLUMNS = ("epoch", "step", "seconds", "train/loss")
"""Columns of the epochs that come before the metrics."""


@dataclass(frozen=True)
class Progress:
    """How far an unfinished run was when its process last noted it.

    Parameters
    ----------
    stage : what it was doing, such as `factorising` or `training`; empty if nothing is known.
    seconds : that were spent on the run so far, earlier attempts included.
    noted_at : when this was noted, in seconds since 1970 by the clock of its machine.
    max_epochs : most epochs of its training; None for a run that is not trained by epochs.
    epochs : a row for each finished epoch: `epoch` (from 1), `step` and `seconds` so far, `train/loss` and the
        validation metrics.
    now : `epoch`, `batch` and `n_batches` of the epoch that was going on; empty outside of training.
    """

    stage: str = ""
    seconds: float = 0.0
    noted_at: float = 0.0
    max_epochs: int | None = None
    epochs: Sequence[Mapping[str, float]] = field(default_factory=list)
    now: Mapping[str, int] = field(default_factory=dict)

    def elapsed(self, is_running: bool) -> float:
        """Return the seconds spent on the run until now, or until it was interrupted."""
        return self.seconds + (max(0.0, time.time() - self.noted_at) if is_running else 0.0)

    @property
    def epoch(self) -> str:
        """The finished epochs and the most there can be, such as `3/20`; empty before the training."""
        if not self.epochs and not self.now:
            return ""
        return f"{len(self.epochs)}{'' if self.max_epochs is None else f'/{self.max_epochs}'}"

    @property
    def share(self) -> float | None:
        """Share of the batches of the epoch that was going on; None if it is not known."""
        return self.now["batch"] / self.now["n_batches"] if self.now.get("n_batches") else None

    @property
    def metrics(self) -> dict[str, float]:
        """Validation metrics of the last finished epoch."""
        last = self.epochs[-1] if self.epochs else {}
        return {name: value for name, value in last.items() if name not in FIRST_COLUMNS}

    def text(self, is_running: bool) -> str:
        """Return stage, epoch and time in a sentence's part.

        >>> Progress("training", 75.0, 0.0, 20, [{"epoch": 1}], {"epoch": 2, "batch": 3, "n_batches": 4}).text(False)
        'training, 1 of 20 epochs, 75 % of epoch 2, 1:15'
        """
        parts = [harmless(self.stage, 80)]
        if self.epoch:
            n, _, most = self.epoch.partition("/")
            parts.append(f"{n} of {most} epochs" if most else counted(n, "epoch"))
        if self.share is not None and self.stage == "training":
            parts.append(f"{100 * self.share:.0f} % of epoch {self.now['epoch']}")
        return ", ".join([*parts, clock(self.elapsed(is_running))])


def read_progress(workplace: Path) -> Progress | None:
    """Return how far a run is, from its folder under `.unfinished`; None if it has not said, or if that is damaged."""
    try:
        found = json.loads((workplace / PROGRESS).read_text())
        if not isinstance(found, dict) or depth(found) > 4:
            return None
        epochs = [_numbers(row) for row in found["epochs"]]
        now = {key: int(value) for key, value in _numbers(found["now"]).items()}
        most = number(found["max_epochs"])
        spent = {key: max(0.0, number(found[key]) or 0.0) for key in ("seconds", "noted_at")}
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None
    is_whole = {"epoch", "batch", "n_batches"} <= now.keys()
    return Progress(
        str(found.get("stage", "")), **spent, max_epochs=None if most is None else int(most), epochs=epochs,
        now=now if is_whole else {},
    )  # fmt: skip


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    return {str(key): found for key, value in row.items() if (found := number(value)) is not None}


class ProgressNotes(Follower):
    """Notes how far a run is under its lease: as each stage begins, after each epoch, and now and then within one.

    Parameters
    ----------
    lease : of the run.
    max_epochs : of its training; None if it is not trained by epochs.
    is_resumed : whether the run goes on from a checkpoint of an earlier attempt.
    """

    def __init__(self, lease: Lease, max_epochs: int | None, is_resumed: bool = False) -> None:
        self._lease, self._max_epochs = lease, max_epochs
        earlier = read_progress(lease.folder) or Progress()
        self._rows = {int(row["epoch"]): dict(row) for row in earlier.epochs if "epoch" in row}
        """What is known of each epoch, those of an earlier attempt included, from whose checkpoint this may go on."""
        self._texts = {epoch: json.dumps(row) for epoch, row in self._rows.items()}
        self._shown = list(self._texts) if is_resumed else []
        self._started, self._earlier_seconds = time.monotonic(), earlier.seconds
        self._stage, self._now, self._written = "", dict[str, int](), 0.0

    @property
    def seconds(self) -> float:
        """Seconds spent on the run so far."""
        return self._earlier_seconds + time.monotonic() - self._started

    def enter(self, stage: str) -> None:
        """Note that a stage begins."""
        self._stage, self._now = stage, {}
        self._write()

    def move(self, epoch: int, n_done: int, n_batches: int) -> None:
        """Take in that a batch is done; it is noted once a second."""
        self._now = {"epoch": epoch, "batch": n_done, "n_batches": n_batches}
        if time.monotonic() - self._written > PAUSE:
            self._write()

    def tell(self, history: Sequence[Mapping[str, float]]) -> None:
        """Note the epochs so far, of which the last one has just ended; none while tables search their structure."""
        if history:
            epoch = int(history[-1]["epoch"])
            before = self._rows.get(epoch - 1, {}).get("step") if epoch > 1 else 0
            steps = {"step": int(before + self._now["batch"])} if before is not None and self._now else {}
            row = {"epoch": epoch, **steps, "seconds": round(self.seconds, 3), **history[-1]}
            self._rows[epoch], self._texts[epoch] = row, json.dumps(row)
            self._shown = [int(row["epoch"]) for row in history]
            for earlier in history[:-1]:
                # The process that trained it was killed between its checkpoint and its note.
                if earlier["epoch"] not in self._texts:
                    self._texts[int(earlier["epoch"])] = json.dumps(earlier)
        self._now = {}
        self._write()

    def _write(self) -> None:
        head = {
            "stage": self._stage,
            "seconds": round(self.seconds, 3),
            "noted_at": round(time.time(), 3),
            "max_epochs": self._max_epochs,
            "now": self._now,
        }
        text = (
            f'{json.dumps(head)[:-1]}, "epochs": [\n'
            + ",\n".join(self._texts[epoch] for epoch in self._shown)
            + "\n]}\n"
        )
        # Who looks at a run must not end it: the run itself finds out about a full disk, or that it lost its lease.
        with suppress(OSError, Lost):
            put_file(self._lease, self._lease.folder / PROGRESS, text, durable=False)
        self._written = time.monotonic()
