"""Fitting: epochs over the sample, early stopping on validation, the weights of the best epoch."""

import logging
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from cadc.data.batches import BatchLoader
from cadc.data.log import InteractionLog
from cadc.errors import CadcError, UsageError, require_at_least, require_positive
from cadc.evaluation.prefixes import VALIDATION
from cadc.evaluation.saved_tables import Task
from cadc.evaluation.tasks import BY_TASK
from cadc.models.model import Model
from cadc.training.checkpoints import CheckpointFolder

if TYPE_CHECKING:
    import pytorch_lightning as pl

History = list[dict[str, float]]
"""A row an epoch: `epoch` (from 1), `train/loss`, and the metrics of the validation part, such as `val/logloss`."""


@dataclass(frozen=True)
class FitResult:
    """What a fit took and reached.

    Parameters
    ----------
    seconds : wall time, validation included; after an interruption, that up to the last checkpoint counts too.
    epochs, best_epoch : epochs begun, and the one whose weights were kept; both count from 1, and 0 stands for the
        initial weights.
    examples_per_s : training rows read a second, validation included in the time.
    validation : metrics of the kept weights, such as `auc` and `logloss`.
    n_validation : rows of the validation part that were read.
    optimizer_bytes : of the optimiser's state.
    history : a row an epoch.
    """

    seconds: float
    epochs: int
    best_epoch: int
    examples_per_s: float
    validation: dict[str, float]
    n_validation: int
    optimizer_bytes: int
    history: History


class Fit:
    """Settings of a fit.

    Parameters
    ----------
    learning_rate : of Adam.
    weight_decay_tables, weight_decay_mlp : L2 penalties on embedding tables and on the other weights.
    lazy_tables : whether a step leaves rows of uncompressed tables alone that its batch does not look up; much faster
        where there are hundreds of thousands of them, and weight decay then does not wipe out rarely met ids.
    batch_size : rows a step; `auto` takes 256 up to 20,000 training rows, 1024 up to 200,000, 4096 above.
    max_epochs : upper bound.
    patience : epochs without a better one on validation (logloss; NDCG@10 where items are ranked) before it stops.
    validation_rate : share of the validation part that is read; validation can be larger than a small sample.
    max_seconds : after which training stops and the best epoch counts; None knows no limit. It makes a run depend on
        the machine, and is for comparisons at equal time.
    accelerator : as Lightning names it; `auto` takes a GPU where there is one.
    checkpoint_minutes : minutes between checkpoints inside an epoch; one follows each epoch in any case.
    progress : whether to show a bar.
    """

    without_effect = ("accelerator", "checkpoint_minutes", "progress")

    def __init__(
        self,
        learning_rate: float = 3e-3,
        weight_decay_tables: float = 3e-4,
        weight_decay_mlp: float = 1e-4,
        batch_size: int | Literal["auto"] = "auto",
        max_epochs: int = 50,
        patience: int = 3,
        validation_rate: float = 1.0,
        max_seconds: float | None = None,
        lazy_tables: bool = False,
        accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"] = "auto",
        checkpoint_minutes: float = 10.0,
        progress: bool = True,
    ) -> None:
        require_at_least(1, "trainer", max_epochs=max_epochs, patience=patience)
        require_at_least(1, "trainer", batch_size=1 if batch_size == "auto" else batch_size)
        require_at_least(0, "trainer", weight_decay_tables=weight_decay_tables, weight_decay_mlp=weight_decay_mlp)
        require_at_least(0, "trainer", checkpoint_minutes=checkpoint_minutes)
        require_positive("trainer", learning_rate=learning_rate)
        require_positive("trainer", max_seconds=1.0 if max_seconds is None else max_seconds)
        if not 0 < validation_rate <= 1:
            raise UsageError(f"trainer.validation_rate is {validation_rate}; it is a share of the rows in (0, 1].")
        self.learning_rate = learning_rate
        self.weight_decay_tables, self.weight_decay_mlp = weight_decay_tables, weight_decay_mlp
        self.batch_size = batch_size
        self.max_epochs, self.patience = max_epochs, patience
        self.validation_rate, self.max_seconds = validation_rate, max_seconds
        self.accelerator, self.progress = accelerator, progress
        self.lazy_tables = lazy_tables
        self.checkpoint_minutes = checkpoint_minutes

    def rows_per_step(self, n_rows: int) -> int:
        """Return the batch size for so many training rows."""
        if self.batch_size != "auto":
            return int(self.batch_size)
        return 256 if n_rows <= 20_000 else 1024 if n_rows <= 200_000 else 4096

    def __call__(
        self,
        model: Model,
        log: InteractionLog,
        rows: Tensor,
        generator: torch.Generator,
        checkpoints: Path | None = None,
        tell: Callable[[History], None] | None = None,
        beside: Mapping[str, Tensor] | None = None,
        task: Task = "ctr",
    ) -> FitResult:
        """Fit a model in place and leave it with the weights of its best epoch.

        Parameters
        ----------
        model : to be trained.
        log : the log; its validation rows choose the epoch.
        rows : numbers of the training rows, int64.
        generator : shuffles the rows.
        checkpoints : folder that keeps the state after each epoch; where it holds some, the fit goes on from there
            and ends bit-equal to one that was never interrupted. None keeps none.
        tell : called after each epoch with the history so far; what it raises ends the fit.
        beside : further parts of a `Batch` (weight, offset, fold), a value for each training row.
        task : whether validation scores rows or ranks items.

        Raises
        ------
        CadcError : where the loss is no longer finite, or a checkpoint is damaged.
        """
        # Lightning takes seconds to import, which a sweep that is finished already need not wait for.
        from cadc.terminal.fit_progress import FitProgress
        from cadc.training.callbacks import KeepBest, Resume
        from cadc.training.fit_module import FitModule

        held_out = BY_TASK[task](log, "validation", self.validation_rate)
        decays = self.weight_decay_tables, self.weight_decay_mlp
        module = FitModule(model, held_out, self.learning_rate, *decays, self.lazy_tables)
        loader = BatchLoader(log, rows, self.rows_per_step(len(rows)), generator, beside)
        kept = None if checkpoints is None else CheckpointFolder(checkpoints)
        best = KeepBest(self.patience)
        resume = Resume(loader, kept, self.checkpoint_minutes, self.max_seconds, tell)
        bar = [FitProgress(f"{VALIDATION}{held_out.monitor.name}")] if self.progress else []
        trainer = self._lightning([best, resume, *bar])
        on_interrupt = signal.getsignal(signal.SIGINT)
        before = None if kept is None else kept.newest()
        try:
            trainer.fit(
                module,
                loader,
                [held_out.split],
                ckpt_path=before,
                weights_only=True,
            )
        except SystemExit as stopped:
            # Lightning turns Ctrl-C into an exit and ignores further ones; our caller decides what it ends.
            signal.signal(signal.SIGINT, on_interrupt)
            raise KeyboardInterrupt from stopped
        except (KeyError, RuntimeError, AttributeError) as error:
            if before is None or resume.begun:
                raise
            raise CadcError(f"the checkpoint {before} is of another model or version ({error}); delete it.") from error
        module.load_state_dict(best.weights)
        if best.metrics.get("auc") == 0.5 and self.weight_decay_tables:
            # Adam takes a step of full size for any gradient, so rows that are rarely met shrink until they vanish.
            print(
                f"the network tells no row from another: trainer.weight_decay_tables={self.weight_decay_tables:g} is "
                "too much for tables with so many rarely met ids; set it to 0, or trainer.lazy_tables=true.",
                file=sys.stderr,
            )
        seconds = resume.seconds
        epochs = len(module.history)
        state = [value for values in trainer.optimizers[0].state.values() for value in values.values()]
        return FitResult(
            seconds=seconds,
            epochs=epochs,
            best_epoch=best.epoch,
            examples_per_s=epochs * len(rows) / seconds,
            validation=best.metrics,
            n_validation=len(held_out),
            optimizer_bytes=sum(value.nbytes for value in state),
            history=module.history,
        )

    def _lightning(self, callbacks: "Sequence[pl.Callback]") -> "pl.Trainer":
        """Return Lightning's trainer."""
        import pytorch_lightning as pl
        from pytorch_lightning.plugins.environments import LightningEnvironment
        from pytorch_lightning.utilities.exceptions import MisconfigurationException

        from cadc.training.callbacks import WriteInPlace

        _quiet()
        try:
            return pl.Trainer(
                accelerator=self.accelerator,
                devices=1,
                max_epochs=self.max_epochs,
                callbacks=[*callbacks],
                # Inside a job of a cluster Lightning would take over its signals and its processes.
                plugins=[LightningEnvironment(), WriteInPlace()],
                logger=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                default_root_dir=tempfile.gettempdir(),
            )
        except MisconfigurationException as error:
            raise UsageError(f"trainer.accelerator={self.accelerator} is not on this machine ({error})") from error


def warm_up(with_lightning: bool) -> None:
    """Load what torch and Lightning load at their first use, so that no run's clock counts it."""
    torch.optim.Adam([torch.zeros(1, requires_grad=True)], fused=True)
    if with_lightning:
        import cadc.training.fit_module  # noqa: F401


def _quiet() -> None:
    """Silence Lightning's notes on hardware and on loaders without worker processes, which ours do not need."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    # On the machines of a cluster it advises to start with srun.
    warnings.filterwarnings("ignore", module="lightning_fabric")
