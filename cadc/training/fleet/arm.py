"""One arm of a fleet: a model, its sample and its options, and where its training stands."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cadc.adam import Adam
from cadc.data.log import InteractionLog
from cadc.embeddings.base.table import EmbeddingTable
from cadc.evaluation.saved_tables import Task
from cadc.evaluation.tasks import BY_TASK
from cadc.models.model import Model
from cadc.training.advice import length, some_rows
from cadc.training.device import device_of_accelerator
from cadc.training.fit import Fit
from cadc.training.fit_result import FitResult
from cadc.training.fit_state import History
from cadc.views.views import Views

MEASURED = ("psnr",)
"""Attributes of modules that no computation reads."""


class Arm:
    """A model that is to be fitted beside others of equal `shape`.

    Parameters
    ----------
    fit : the options of its training.
    model, log, rows, generator, tell, beside, task : as `Fit` takes them.
    """

    def __init__(
        self,
        fit: Fit,
        model: Model,
        log: InteractionLog,
        rows: Tensor,
        generator: torch.Generator,
        tell: Callable[[History], None] | None = None,
        beside: Mapping[str, Tensor] | None = None,
        task: Task = "ctr",
    ) -> None:
        self.fit, self.model, self.log, self.rows = fit, model, log, rows
        self.generator, self.tell, self.beside, self.task = generator, tell, dict(beside or {}), task
        self.seconds = 0.0
        """Its share of the seconds of its fleet so far."""
        self._start = length(model, some_rows(log))
        self.device = device_of_accelerator(fit.accelerator)
        held_out = BY_TASK[task](log, "validation", fit.validation_rate)
        self.state = fit.begun(model.to(self.device), log, rows, held_out)
        self._parts: list[Tensor] = []
        """Batches that are left in this epoch, as places in `rows`, the last one first."""

    @property
    def shape(self) -> tuple[Any, ...]:
        """What arms must have in common to be trained together, as a value that can be compared."""
        modules = plain_state(self.model)
        tensors = [
            (name, value.shape, value.dtype, value.requires_grad)
            for name, value in (*self.model.named_parameters(), *self.model.named_buffers())
        ]
        batches = self.fit.rows_per_step(len(self.rows)), sorted(self.beside), bool(self.fit.weight_decay_tables)
        return type(self.log), self.log.folder, self.task, str(self.device), batches, tensors, modules

    def is_like(self, shape: tuple[Any, ...]) -> bool:
        """Tell whether this arm has a shape; attributes of plug-ins that cannot be compared are taken for different."""
        try:
            return bool(self.shape == shape)
        except Exception:
            return False

    def why_alone(self) -> str | None:
        """Return why this arm cannot be trained in any fleet; None if nothing speaks against it so far."""
        if self.fit.max_seconds is not None:
            return "trainer.max_seconds limits the time of a run alone"
        if not isinstance(self.state.optimizer, Adam):
            return "its steps skip rows of its tables (trainer.lazy_tables), which has no batched form"
        if self.fit.weight_decay == "decoupled":
            return "its vectors decay beside the gradients (trainer.weight_decay), which has no batched form"
        if any(table.search_epochs for table in self.model.modules() if isinstance(table, EmbeddingTable)):
            return "its tables search for their structure first"
        if self.model.shuffles_users:
            return "its batches hold users, whose numbers of rows differ"
        if self.fit.shuffle == "blocks":
            return "its rows are shuffled in blocks (trainer.shuffle), as suits logs of many rows"
        if any(isinstance(module, Views) for module in self.model.modules()):
            return "its batches hold numbers of views"
        if any(isinstance(module, nn.Dropout) and module.p for module in self.model.modules()):
            return "its dropout draws from a generator that the arms of a fleet share"
        return None if len(self.rows) else "its sample is empty"

    @property
    def rates(self) -> tuple[float, float]:
        """Learning rate of the next step, and strength of the penalty on weights outside of tables."""
        return self.state.rate, self.fit.weight_decay_mlp

    def next_part(self) -> Tensor:
        """Return the next batch as places in `rows`, int64, shape [B]; a finished epoch is followed by another."""
        if not self._parts:
            order = torch.randperm(len(self.rows), generator=self.generator)
            self._parts = [*reversed(order.split(self.fit.rows_per_step(len(self.rows))))]
        return self._parts.pop()

    def begin(self) -> None:
        """Evaluate the initial weights where they compete."""
        with self._timed():
            self.state.begin()
            self.state.start()

    def end_step(self, loss: Tensor, seconds: float) -> bool:
        """Note a step with its mean loss (shape []) and its share of seconds; return whether it ended the fit.

        Raises
        ------
        CadcError : if a prediction or the training loss is NaN or infinite after an epoch, see `FitState.end_epoch`.
        """
        self.seconds += seconds
        self.state.note(loss)
        if self._parts:
            return False
        with self._timed():
            self.state.end_epoch(self.fit.learning_rate)
        if self.tell is not None:
            self.tell(self.state.history)
        return self.fit.is_over(self.state)

    def result(self, optimizer_bytes: int, n_arms: int) -> FitResult:
        """Return the result of an arm whose fit is over.

        Parameters
        ----------
        optimizer_bytes, n_arms : see `FitResult`.
        """
        kept = optimizer_bytes + self.state.average_bytes
        return self.fit.result(self.state, self.rows, self._start, self.beside, self.seconds, kept, n_arms)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - started


def plain_state(model: Model) -> list[tuple[str, type, list[tuple[str, Any]]]]:
    """Return the name and type of each module of a model, and what it keeps beside tensors and other modules."""
    return [(name, type(module), _plain(module)) for name, module in model.named_modules()]


def _plain(module: nn.Module) -> list[tuple[str, Any]]:
    """Return what a module keeps beside tensors and other modules, by name."""
    own = nn.Module().__dict__
    return [(name, _told(value)) for name, value in vars(module).items() if name not in own and name not in MEASURED]


def _told(value: Any) -> Any:
    """Return a value that equals another one if both mean the same to a computation."""
    if isinstance(value, nn.Module):
        return type(value)
    if isinstance(value, Tensor | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return [(key, _told(own)) for key, own in value.items()]
    if isinstance(value, list | tuple):
        return [_told(own) for own in value]
    return value
