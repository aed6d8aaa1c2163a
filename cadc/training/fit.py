"""Fitting: epochs over the sample, early stopping on validation logloss, the weights of the best epoch."""

import logging
import signal
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from cadc.data.batches import EVALUATION_BATCH, BatchLoader
from cadc.data.log import InteractionLog
from cadc.errors import UsageError, require_at_least, require_positive

if TYPE_CHECKING:
    import pytorch_lightning as pl
    from pytorch_lightning.callbacks import ModelCheckpoint


@dataclass(frozen=True)
class FitResult:
    """What a fit took and reached.

    Parameters
    ----------
    seconds : wall time, validation included.
    epochs, best_epoch : epochs begun, and the one whose weights were kept; both count from 1.
    examples_per_s : training rows read a second, validation included in the time.
    validation : metrics of the kept weights, `auc` and `logloss`.
    optimizer_bytes : of the optimiser's state.
    """

    seconds: float
    epochs: int
    best_epoch: int
    examples_per_s: float
    validation: dict[str, float]
    optimizer_bytes: int


class Fit:
    """Settings of a fit.

    Parameters
    ----------
    learning_rate : of Adam.
    weight_decay_tables, weight_decay_mlp : L2 penalties on embedding tables and on the other weights.
    batch_size : rows a step; `auto` takes 256 up to 20,000 training rows, 1024 up to 200,000, 4096 above.
    max_epochs : upper bound.
    patience : epochs without a better validation logloss before it stops.
    accelerator : as Lightning names it; `auto` takes a GPU where there is one.
    progress : whether to show a bar.
    """

    without_effect = ("accelerator", "progress")

    def __init__(
        self,
        learning_rate: float = 3e-3,
        weight_decay_tables: float = 3e-4,
        weight_decay_mlp: float = 1e-4,
        batch_size: int | Literal["auto"] = "auto",
        max_epochs: int = 50,
        patience: int = 3,
        accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"] = "auto",
        progress: bool = True,
    ) -> None:
        require_at_least(1, "trainer", max_epochs=max_epochs, patience=patience)
        require_at_least(1, "trainer", batch_size=1 if batch_size == "auto" else batch_size)
        require_at_least(0, "trainer", weight_decay_tables=weight_decay_tables, weight_decay_mlp=weight_decay_mlp)
        require_positive("trainer", learning_rate=learning_rate)
        self.learning_rate = learning_rate
        self.weight_decay_tables, self.weight_decay_mlp = weight_decay_tables, weight_decay_mlp
        self.batch_size = batch_size
        self.max_epochs, self.patience = max_epochs, patience
        self.accelerator, self.progress = accelerator, progress

    def rows_per_step(self, n_rows: int) -> int:
        """Return the batch size for so many training rows."""
        if self.batch_size != "auto":
            return int(self.batch_size)
        return 256 if n_rows <= 20_000 else 1024 if n_rows <= 200_000 else 4096

    def __call__(
        self,
        model: nn.Module,
        log: InteractionLog,
        rows: Tensor,
        generator: torch.Generator,
        loggers: Sequence[Any] = (),
    ) -> FitResult:
        """Fit a model in place and leave it with the weights of its best epoch.

        Parameters
        ----------
        model : maps a `Batch` to logits.
        log : the log; all its validation rows choose the epoch.
        rows : numbers of the training rows, int64.
        generator : shuffles the rows.
        loggers : Lightning loggers.

        Raises
        ------
        CadcError : where the loss is no longer finite.
        """
        started = time.perf_counter()
        # Lightning takes seconds to import, which a sweep that is finished already need not wait for.
        from cadc.training.module import RecommenderModule

        module = RecommenderModule(model, self.learning_rate, self.weight_decay_tables, self.weight_decay_mlp)
        with tempfile.TemporaryDirectory(prefix="cadc-") as folder:
            trainer, best = self._lightning(folder, loggers)
            on_interrupt = signal.getsignal(signal.SIGINT)
            try:
                trainer.fit(
                    module,
                    BatchLoader(log, rows, self.rows_per_step(len(rows)), generator),
                    BatchLoader(log, log.rows("validation"), EVALUATION_BATCH),
                )
            except SystemExit as stopped:
                # Lightning turns Ctrl-C into an exit and ignores further ones; our caller decides what it ends.
                signal.signal(signal.SIGINT, on_interrupt)
                raise KeyboardInterrupt from stopped
            checkpoint = torch.load(Path(best.best_model_path), weights_only=True)
            module.load_state_dict(checkpoint["state_dict"])
        seconds = time.perf_counter() - started
        epochs = trainer.current_epoch
        state = [value for values in trainer.optimizers[0].state.values() for value in values.values()]
        return FitResult(
            seconds=seconds,
            epochs=epochs,
            best_epoch=int(checkpoint["epoch"]) + 1,
            examples_per_s=epochs * len(rows) / seconds,
            validation=module.history[int(checkpoint["epoch"])],
            optimizer_bytes=sum(value.nbytes for value in state),
        )

    def _lightning(self, folder: str, loggers: Sequence[Any]) -> "tuple[pl.Trainer, ModelCheckpoint]":
        """Return Lightning's trainer, and its callback that keeps the weights of the best epoch."""
        import pytorch_lightning as pl
        from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
        from pytorch_lightning.utilities.exceptions import MisconfigurationException

        from cadc.training.progress import progress_bar

        _quiet()
        best = ModelCheckpoint(folder, "best", monitor="val/logloss", save_weights_only=True)
        bar = progress_bar(self.progress)
        try:
            trainer = pl.Trainer(
                accelerator=self.accelerator,
                devices=1,
                max_epochs=self.max_epochs,
                callbacks=[best, EarlyStopping("val/logloss", patience=self.patience), *bar],
                logger=list(loggers) or False,
                enable_progress_bar=bool(bar),
                enable_model_summary=False,
                num_sanity_val_steps=0,
                default_root_dir=folder,
            )
        except MisconfigurationException as error:
            raise UsageError(f"trainer.accelerator={self.accelerator} is not on this machine ({error})") from error
        return trainer, best


def warm_up(with_lightning: bool) -> None:
    """Load what torch and Lightning load at their first use, so that no run's clock counts it."""
    torch.optim.Adam([torch.zeros(1, requires_grad=True)], fused=True)
    if with_lightning:
        import cadc.training.module  # noqa: F401


def _quiet() -> None:
    """Silence Lightning's notes on hardware and on loaders without worker processes, which ours do not need."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
