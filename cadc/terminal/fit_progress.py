"""Progress bar of a fit, shown on terminals only."""

import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from cadc.terminal.progress import display


class FitProgress(Callback):
    """Moves the bar of the run by the batches of an epoch, beside the validation metric of the epoch before.

    Parameters
    ----------
    watched : key of the metric in a row of the module's history, such as `val/logloss`.
    """

    def __init__(self, watched: str) -> None:
        self._watched = watched
        self._bar = display().run()
        self._shown = 0.0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar, at most five times a second."""
        now = time.monotonic()
        if now - self._shown > 0.2:
            self._shown = now
            module: Any = pl_module
            history = module.history
            reached = f", {self._watched} {history[-1][self._watched]:.4f}" if history else ""
            n_batches = int(trainer.num_training_batches)
            self._bar.move(batch_idx + 1, n_batches, f"epoch {trainer.current_epoch + 1}{reached}")

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remove the bar."""
        self._bar.close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Remove the bar."""
        self._bar.close()
