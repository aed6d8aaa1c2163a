"""Callbacks of a fit: keep the best weights, save checkpoints, report progress."""

import io
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, Checkpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor

from cadc.data.batches import BatchLoader
from cadc.evaluation.prefixes import of_part
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.fit_module import FitModule


class KeepBest(Callback):
    """Keeps the weights of the epoch with the best validation metric, and stops training when it no longer improves.

    The initial weights of a model that `starts_at_base` compete as epoch 0.

    Parameters
    ----------
    patience : number of epochs without an improvement after which training stops.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.epoch = 0
        self.metrics: dict[str, float] = {}
        self.weights: dict[str, Tensor] = {}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare the epoch with the best one so far."""
        assert isinstance(pl_module, FitModule)
        row = pl_module.history[-1]
        self._compare(trainer.current_epoch + 1, of_part("validation", row), pl_module)
        self._stop(trainer, trainer.current_epoch + 1)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Evaluate initial weights that compete; stop at once if the epoch of the checkpoint was the last."""
        assert isinstance(pl_module, FitModule)
        is_fresh = trainer.current_epoch == 0 and trainer.global_step == 0 and not self.weights
        if is_fresh and pl_module.model.starts_at_base:
            self._compare(0, pl_module.judge(), pl_module)
        self._stop(trainer, trainer.current_epoch)

    def _compare(self, epoch: int, metrics: dict[str, float], module: FitModule) -> None:
        sign = 1 if module.held_out.monitor.higher_is_better else -1
        name = module.held_out.monitor.name
        if not self.weights or sign * metrics[name] > sign * self.metrics[name]:
            self.epoch, self.metrics = epoch, metrics
            # A copy, since training goes on changing the weights, and on the CPU to save memory of the GPU.
            self.weights = {name: value.cpu().clone() for name, value in module.state_dict().items()}

    def _stop(self, trainer: pl.Trainer, epoch: int) -> None:
        if self.weights and epoch - self.epoch >= self.patience:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {"epoch": self.epoch, "metrics": self.metrics, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.epoch, self.metrics = state_dict["epoch"], state_dict["metrics"]
        self.weights = state_dict["weights"]


class Resume(Checkpoint):
    """Saves checkpoints from which a fit resumes bit-equal: Lightning's state, place in the epoch, random generators.

    Parameters
    ----------
    loader : of the training rows.
    folder : of the checkpoints; None saves none.
    minutes : between checkpoints within an epoch; every epoch ends with one in any case.
    max_seconds : after which training stops, also within an epoch; None for no limit.
    tell : called with the history so far after each epoch, once its checkpoint is saved.
    """

    def __init__(
        self,
        loader: BatchLoader,
        folder: CheckpointFolder | None,
        minutes: float,
        max_seconds: float | None,
        tell: Callable[[list[dict[str, float]]], None] | None,
    ) -> None:
        self.loader = loader
        self.folder = folder
        self.minutes = minutes
        self.max_seconds = max_seconds
        self.tell = tell
        self.begun = False
        """Whether training has started or resumed; errors before that come from the checkpoint."""
        self.seconds_before = 0.0
        self._started = self._saved = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds that the fit took, including those up to the last checkpoint before an interruption."""
        return self.seconds_before + time.monotonic() - self._started

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note that the checkpoint, if any, was read."""
        self.begun = True

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save within a long epoch, and stop when the time is up."""
        if self.max_seconds is not None and self.seconds >= self.max_seconds:
            trainer.should_stop = True
        is_last = batch_idx + 1 == len(self.loader)
        if not is_last and time.monotonic() - self._saved >= 60 * self.minutes:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save, and report progress."""
        self._save(trainer)
        if self.tell is not None and isinstance(pl_module, FitModule):
            self.tell(pl_module.history)

    def _save(self, trainer: pl.Trainer) -> None:
        if self.folder is not None:
            self.folder.save(trainer.save_checkpoint)
        self._saved = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint has in addition to Lightning's own state."""
        return {"loader": self.loader.state_dict(), "random": random_state(), "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.loader.load_state_dict(state_dict["loader"])
        set_random_state(state_dict["random"])
        self.seconds_before = state_dict["seconds"]
        self._started = time.monotonic()


class WriteInPlace(TorchCheckpointIO):
    """Writes checkpoints directly to their path; Lightning writes to /tmp first, where a killed run leaves the file."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        # Not with torch's own writer, whose error on a full disk is not an OSError.
        Path(path).write_bytes(buffer.getbuffer())


def random_state() -> dict[str, Any]:
    """Return the state of torch's global generators, which dropout uses."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}


def set_random_state(state: Mapping[str, Any]) -> None:
    """Restore torch's global generators to what `random_state` returned."""
    torch.set_rng_state(state["cpu"].cpu())
    # There may be fewer devices now.
    for device, value in enumerate(state["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(value.cpu(), device)
