"""Fit a network: epochs over the sample, early stopping on validation, weights of the best epoch."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from cadc.configuration.components import defaults
from cadc.data.batches import BatchLoader
from cadc.data.log import InteractionLog
from cadc.embeddings.base.statistics import Statistics
from cadc.errors import UsageError, require_at_least, require_positive
from cadc.evaluation.prefixes import VALIDATION
from cadc.evaluation.saved_tables import Task
from cadc.evaluation.tasks import BY_TASK, HeldOut
from cadc.models.model import Model
from cadc.terminal.fit_progress import FitProgress
from cadc.training.advice import length, some_rows
from cadc.training.averaging import Averaging, WeightAverage
from cadc.training.best_epoch import BestEpoch
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.decoupled_decay import DecoupledDecay, WeightDecay
from cadc.training.device import device_of_accelerator
from cadc.training.fit_result import FitResult
from cadc.training.fit_state import FitState, History
from cadc.training.objective import Objective
from cadc.training.optimizers import LazyTables, optimizer_of
from cadc.training.remark import remark_on
from cadc.training.resumption import Resumption
from cadc.training.schedule import Schedule, Shape
from cadc.training.trained_state import load_trained
from cadc.training.uninformed import uninformed_metric


class Fit:
    """Fits a network with Adam and keeps the weights of the best epoch.

    Parameters
    ----------
    learning_rate : of Adam, its greatest where a schedule changes it.
    schedule : how the learning rate falls from step to step, over the steps of `max_epochs` epochs, see
        `cadc.training.schedule.Schedule`.
    warm_up : share of these steps over which it first rises.
    final_rate : share of `learning_rate` that it falls to.
    weight_decay_tables : L2 penalty on the vectors of tables, which each row bears when it is looked up, see
        `cadc.training.vector_penalty.VectorPenalty`.
    weight_decay_mlp : L2 penalty on the other weights.
    weight_decay : whether the gradients of both penalties are added to those of the loss (`coupled`), or shrink weights
        beside them, see `cadc.training.decoupled_decay`.
    lazy_tables : whether a step skips the rows of uncompressed tables that its batch does not look up; `auto` skips
        them in tables of more than 100,000 rows, where this is faster, see `cadc.training.optimizers.skips_rows`.
    batch_size : rows per step; `auto` is 256 up to 20,000 training rows, 1024 up to 200,000, and 4096 above.
    least_steps : steps of an epoch for whose sake `auto` is halved, down to 256 rows; 0 halves nothing.
    max_epochs : upper bound on the number of epochs.
    patience : number of epochs without an improvement on validation (logloss, or NDCG@10 when items are ranked) after
        which training stops; None trains for `max_epochs`, and keeps the best epoch all the same.
    grace_steps : steps up to which training does not stop before some epoch is better on validation than a prediction
        without information, see `cadc.training.uninformed`; 0 stops by `patience` alone. Labels that depend on pairs of
        columns alone take some epochs before anything is learned.
    averaging : `ema` evaluates, keeps and serves an average of the weights in place of the last ones, see
        `cadc.training.averaging.WeightAverage`.
    averaging_epochs : mean age of the averaged weights, in epochs: after n steps of an epoch, `ema` decays by
        1 - 1 / (1 + n · `averaging_epochs`).
    validation_rate : share of the validation part that is read, which can be much larger than a small sample.
    max_seconds : time after which training stops and the best epoch is kept; None for no limit. Meant for comparisons
        at equal time; results then depend on the machine. It does not shorten a schedule, which may hardly have fallen.
    accelerator : `auto` takes a GPU if there is one.
    checkpoint_minutes : minutes between checkpoints within an epoch; every epoch ends with one in any case.
    progress : whether to show a progress bar.
    fleet : most runs of a sweep that are trained together as one batched program, see `cadc.training.fleet`; 1 trains
        each alone. Together, sums are taken in another order, and scores differ in their last digits.
    """

    without_effect = ("accelerator", "checkpoint_minutes", "progress", "fleet")

    def __init__(
        self,
        learning_rate: float = 3e-3,
        schedule: Shape = "constant",
        warm_up: float = 0.0,
        final_rate: float = 0.0,
        weight_decay_tables: float = 3e-4,
        weight_decay_mlp: float = 1e-4,
        weight_decay: WeightDecay = "coupled",
        batch_size: int | Literal["auto"] = "auto",
        least_steps: int = 0,
        max_epochs: int = 50,
        patience: int | None = 3,
        grace_steps: int = 0,
        averaging: Averaging = "none",
        averaging_epochs: float = 0.25,
        validation_rate: float = 1.0,
        max_seconds: float | None = None,
        lazy_tables: LazyTables = False,
        accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"] = "auto",
        checkpoint_minutes: float = 10.0,
        progress: bool = True,
        fleet: int = 1,
    ) -> None:
        require_at_least(1, "trainer", max_epochs=max_epochs, patience=1 if patience is None else patience, fleet=fleet)
        require_at_least(1, "trainer", batch_size=1 if batch_size == "auto" else batch_size)
        require_at_least(0, "trainer", weight_decay_tables=weight_decay_tables, weight_decay_mlp=weight_decay_mlp)
        require_at_least(0, "trainer", least_steps=least_steps, grace_steps=grace_steps)
        require_at_least(0, "trainer", checkpoint_minutes=checkpoint_minutes)
        require_positive("trainer", learning_rate=learning_rate, averaging_epochs=averaging_epochs)
        Schedule(schedule, warm_up, final_rate)  # which checks them
        require_positive("trainer", max_seconds=1.0 if max_seconds is None else max_seconds)
        if not 0 < validation_rate <= 1:
            raise UsageError(f"trainer.validation_rate is {validation_rate}; expected a share of the rows in (0, 1].")
        self.learning_rate = learning_rate
        self.weight_decay_tables, self.weight_decay_mlp = weight_decay_tables, weight_decay_mlp
        self.batch_size, self.least_steps = batch_size, least_steps
        self.max_epochs, self.patience, self.grace_steps = max_epochs, patience, grace_steps
        self.validation_rate, self.max_seconds = validation_rate, max_seconds
        self.accelerator, self.progress = accelerator, progress
        self.lazy_tables = lazy_tables
        self.checkpoint_minutes = checkpoint_minutes
        self.fleet = fleet
        self.schedule, self.warm_up, self.final_rate = schedule, warm_up, final_rate
        self.weight_decay = weight_decay
        self.averaging, self.averaging_epochs = averaging, averaging_epochs

    def rows_per_step(self, n_rows: int) -> int:
        """Return the batch size for a number of training rows."""
        if self.batch_size != "auto":
            return int(self.batch_size)
        size = 256 if n_rows <= 20_000 else 1024 if n_rows <= 200_000 else 4096
        while size > 256 and n_rows < size * self.least_steps:
            size //= 2
        return size

    def __call__(
        self,
        model: Model,
        log: InteractionLog,
        rows: Tensor,
        generator: torch.Generator,
        checkpoints: Path | CheckpointFolder | None = None,
        tell: Callable[[History], None] | None = None,
        beside: Mapping[str, Tensor] | None = None,
        task: Task = "ctr",
    ) -> FitResult:
        """Fit a model in place; it ends with the weights of its best epoch.

        Parameters
        ----------
        model : to be trained.
        log : the log; its validation rows choose the epoch.
        rows : numbers of the training rows, int32 or int64, shape [n].
        generator : shuffles the rows.
        checkpoints : folder of the checkpoints. If it has one, the fit resumes from it, and ends bit-equal to a fit
            that was never interrupted. None saves none.
        tell : called with the history so far after each epoch; an exception that it raises ends the fit.
        beside : further parts of a `Batch` (weight, offset, fold), a value for each training row.
        task : `ctr` scores the validation rows, `ranking` ranks items.

        Raises
        ------
        CadcError : if the loss is no longer finite.
        DamagedCheckpoint : if a checkpoint is not what was written, or of another model.
        NoDevice : if the accelerator is not available.
        """
        held_out = BY_TASK[task](log, "validation", self.validation_rate)
        start = length(model, some_rows(log))
        device = device_of_accelerator(self.accelerator)
        state = self.begun(model.to(device), log, rows, held_out)
        groups = log.field_ids("user", rows) if model.shuffles_users else None
        loader = BatchLoader(log, rows, self.rows_per_step(len(rows)), generator, beside, groups)
        kept = None if checkpoints is None else CheckpointFolder.of(checkpoints)
        resumption = Resumption(state, loader, kept, self.checkpoint_minutes)
        with FitProgress(f"{VALIDATION}{held_out.monitor.name}", self.progress) as bar:
            if not resumption.resume():
                state.begin()
            self._train(state, loader, device, resumption, bar, tell)
        return self.result(state, rows, start, beside, resumption.seconds, state.optimizer_bytes())

    def result(
        self,
        state: FitState,
        rows: Tensor,
        start: float,
        beside: Mapping[str, Tensor] | None,
        seconds: float,
        optimizer_bytes: int,
        fleet: int = 1,
    ) -> FitResult:
        """Return the result of a fit that is over; its model gets the weights of the best epoch, on the CPU.

        Parameters
        ----------
        state : of the fit.
        rows, beside : of its training, see `__call__`.
        start : length of some vectors before training, see `cadc.training.advice.length`.
        seconds, optimizer_bytes, fleet : see `FitResult`.
        """
        load_trained(state.model.to("cpu"), state.best.weights)
        return FitResult(
            seconds=seconds,
            epochs=state.epoch,
            best_epoch=state.best.epoch,
            examples_per_s=state.epoch * len(rows) / seconds,
            validation=state.best.metrics,
            n_validation=len(state.held_out),
            optimizer_bytes=optimizer_bytes,
            history=state.history,
            remark=remark_on(state, rows, start, beside, self._options(), self._usual()),
            fleet=fleet,
        )

    def begun(self, model: Model, log: InteractionLog, rows: Tensor, held_out: HeldOut) -> FitState:
        """Return the state of a fit before its first step.

        Parameters
        ----------
        model : on its device.
        log, rows : numbers of the training rows in the log, int64, shape [n].
        held_out : the validation part.
        """
        shares = Statistics.of(log, rows).shares(len(rows))
        optimizer = optimizer_of(model, self.learning_rate, self.weight_decay_mlp, self.lazy_tables, self.weight_decay)
        objective = Objective(model, self.weight_decay_tables, shares)
        steps = -(-len(rows) // self.rows_per_step(len(rows)))
        schedule, n_steps = Schedule(self.schedule, self.warm_up, self.final_rate), steps * self.max_epochs
        decay = 1 - 1 / (1 + steps * self.averaging_epochs)
        return FitState(
            objective,
            optimizer,
            held_out,
            BestEpoch(held_out.monitor, self.patience, self.grace_steps, uninformed_metric(held_out)),
            rate=lambda step: self.learning_rate * schedule.share(step, n_steps),
            average=None if self.averaging == "none" else WeightAverage(model, decay),
            decay=DecoupledDecay(model, objective.vectors) if self.weight_decay == "decoupled" else None,
        )

    def is_over(self, state: FitState) -> bool:
        """Tell whether a fit has its last epoch."""
        return state.epoch >= self.max_epochs or state.is_over

    def _train(
        self,
        state: FitState,
        loader: BatchLoader,
        device: torch.device,
        resumption: Resumption,
        bar: FitProgress,
        tell: Callable[[History], None] | None,
    ) -> None:
        """Train until the fit is over."""
        most = float("inf") if self.max_seconds is None else self.max_seconds
        is_late = state.epoch > 0 and resumption.seconds >= most
        while not (is_late or self.is_over(state)):
            for batch in loader:
                state.step(batch.to(device))
                bar.move(loader.position, len(loader), state.history)
                is_late = resumption.seconds >= most
                if is_late:
                    break
                if loader.position < len(loader) and resumption.is_due:
                    resumption.save()
            state.end_epoch(self.learning_rate)
            resumption.save()
            if tell is not None:
                tell(state.history)

    def _options(self) -> dict[str, float]:
        """Return the options that advice looks at."""
        return {
            "learning_rate": self.learning_rate,
            "weight_decay_tables": self.weight_decay_tables,
            "weight_decay_mlp": self.weight_decay_mlp,
        }

    def _usual(self) -> dict[str, float]:
        """Return the defaults of those options; decay beside the gradients has another unit, and none."""
        usual = defaults(Fit)
        return {
            name: usual[name] for name in self._options() if name == "learning_rate" or self.weight_decay == "coupled"
        }
