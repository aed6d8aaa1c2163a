"""Fit a network: epochs over the sample, early stopping on validation, weights of the best epoch."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cadc.data.batches import BatchLoader
from cadc.data.log import InteractionLog
from cadc.distributed.ranks import Ranks, current_ranks
from cadc.embeddings.base.statistics import Statistics
from cadc.evaluation.prefixes import VALIDATION
from cadc.evaluation.saved_tables import Task
from cadc.evaluation.tasks import BY_TASK, HeldOut
from cadc.models.model import Model
from cadc.terminal.fit_progress import FitProgress
from cadc.training.advice import length, some_rows
from cadc.training.averaging import WeightAverage
from cadc.training.best_epoch import BestEpoch
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.ddp.replicas import Replicas
from cadc.training.ddp.shareable import require_rows, require_shareable
from cadc.training.decoupled_decay import DecoupledDecay
from cadc.training.device import device_of_accelerator
from cadc.training.fit_options import FitOptions
from cadc.training.fit_result import FitResult
from cadc.training.fit_state import FitState, History
from cadc.training.objective import Objective
from cadc.training.optimizers import Optimizer, optimizer_of
from cadc.training.remark import remark_on
from cadc.training.resumption import Resumption
from cadc.training.schedule import Schedule
from cadc.training.trained_state import load_trained
from cadc.training.uninformed import uninformed_metric

if TYPE_CHECKING:
    from cadc.training.callbacks.hooks import Hooks


class Fit(FitOptions):
    """Fits a network with Adam and keeps the weights of the best epoch; its options are those of `FitOptions`."""

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

        Inside a `cadc.distributed.joined` block all ranks call it with the same arguments, but the first one alone has
        checkpoints, `tell` and callbacks. They share each batch, see `cadc.training.ddp.replicas`, and all end with the
        same weights.

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
        start, ranks = length(model, some_rows(log)), current_ranks()
        device = device_of_accelerator(self.accelerator) if ranks.is_alone else ranks.device
        if not ranks.is_alone:
            require_rows(ranks.size, len(rows), self.rows_per_step(len(rows)))
        state = self.begun(model.to(device), log, rows, held_out)
        if not ranks.is_alone:
            require_shareable(state.objective, log, rows, beside or {})
        groups = log.field_ids("user", rows) if model.shuffles_users else None
        in_blocks = self.shuffle == "blocks"
        loader = BatchLoader(log, rows, self.rows_per_step(len(rows)), generator, beside, groups, ranks, in_blocks)
        kept = None if checkpoints is None else CheckpointFolder.of(checkpoints)
        resumption = Resumption(state, loader, kept, self.checkpoint_minutes)
        with FitProgress(f"{VALIDATION}{held_out.monitor.name}", self.progress) as bar:
            if not resumption.resume():
                state.begin()
            state.start()
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
        state.end()
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
            remark=remark_on(state, rows, start, beside, self.for_advice(), self.usual()),
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
        replicas = None if (ranks := current_ranks()).is_alone else Replicas(model, ranks)
        if replicas is not None:
            replicas.begin(rows)
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
            hooks=self._hooks(model, optimizer),
            replicas=replicas,
        )

    def _hooks(self, model: Model, optimizer: Optimizer) -> "Hooks | None":
        """Return what calls the callbacks; None without any."""
        if not self.callbacks:
            return None
        # Lightning takes seconds to import.
        from cadc.training.callbacks.hooks import Hooks
        from cadc.training.callbacks.loop_view import LoopView

        return Hooks(self.callbacks, model, LoopView(self.max_epochs, optimizer))

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
        first_says = loader.ranks.first_says
        is_late = state.epoch > 0 and self._is_late(resumption, loader.ranks)
        while not (is_late or first_says(self.is_over(state))):
            for batch in loader:
                state.step(batch.to(device), loader.portion)
                bar.move(loader.position, len(loader), state.history)
                is_late = self._is_late(resumption, loader.ranks)
                if is_late:
                    break
                if loader.position < len(loader) and resumption.is_due:
                    resumption.save()
            state.end_epoch(self.learning_rate)
            resumption.save()
            if tell is not None:
                tell(state.history)

    def _is_late(self, resumption: Resumption, ranks: Ranks) -> bool:
        """Tell whether the time is up, by the clock of the first rank."""
        return self.max_seconds is not None and ranks.first_says(resumption.seconds >= self.max_seconds)
