"""Models of one segment of a stream that differ in the sizes of their rows: the one that is kept, and those tried."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice

import torch
from torch import Tensor

from cadc.configuration.components import Component
from cadc.data.batches import BatchLoader
from cadc.data.schema import ENTITY_FIELDS, EntitySide
from cadc.data.streams import SegmentLog
from cadc.embeddings.schemes.sized_rows import SizedRows, SizedTable
from cadc.evaluation.tasks import BY_TASK, HeldOut, HeldOutRanks
from cadc.models.model import Model
from cadc.pipeline.build import batch_columns, factorize_log, make_model
from cadc.pipeline.run import Begun, made_of
from cadc.pipeline.segment_factors import SegmentFactors
from cadc.pipeline.settings import Settings
from cadc.randomness import torch_generator
from cadc.streams.carried import carry_over, sized_weights
from cadc.streams.policy import Judged, Losses, Policy, Sizes
from cadc.streams.protocol import Protocol
from cadc.terminal.interrupts import check_interrupt
from cadc.training.device import device_of_accelerator


@dataclass(frozen=True)
class Before:
    """The model of the segment before.

    Parameters
    ----------
    weights : by name.
    sizes : of its rows.
    start : numbers that its tables would have started from without an earlier model, see `sized_weights`.
    """

    weights: Mapping[str, Tensor]
    sizes: Sizes
    start: Mapping[str, Tensor] = field(default_factory=dict)


class SegmentModels:
    """Makes models of one segment; log, sample and factors are the same for all of them, and made once.

    Parameters
    ----------
    settings : of the segment: those of the run, with a seed of the weights of its own.
    log : of the segment.
    protocol : of the run: in which type rows are stored, and what is carried from the segment before.
    most : numbers of a row at most.
    before : the model of the segment before; None in the first.
    policy : says what rows that grow start from; None leaves it to the initializer.
    factorise : factorises the segment; None reads the rows of its log alone.

    Attributes
    ----------
    seconds : that log, sample, factors and initial weights have taken.
    start : numbers that the tables of the last model would start from without an earlier one; only where rows are
        shifted.
    """

    def __init__(
        self,
        settings: Settings,
        log: SegmentLog,
        protocol: Protocol,
        most: int,
        before: Before | None = None,
        policy: Policy | None = None,
        factorise: SegmentFactors | None = None,
    ) -> None:
        self.log, self.before, self.policy, self.protocol = log, before, policy, protocol
        self._settings, self._most, self._factorise = settings, most, factorise or factorize_log
        self._begun: Begun | None = None
        self.seconds = 0.0
        self.start: dict[str, Tensor] = {}

    def settings_of(self, sizes: Sizes) -> Settings:
        """Return the settings of a model of the given sizes."""
        options = {"dim": self._most, "sizes": sizes, "dtype": self.protocol.dtype}
        return replace(self._settings, scheme=Component(SizedRows, options))

    def __call__(self, sizes: Sizes) -> Begun:
        """Return a model of the given sizes as it starts, and what it is made of."""
        begun = self._made(sizes)
        self.start = sized_weights(begun.model) if self.protocol.known == "shifted" else {}
        if self.protocol.carry and self.before is not None:
            self._carry(begun.model)
            if self.policy is not None:
                self._grow(begun.model, sizes)
        return begun

    def _made(self, sizes: Sizes) -> Begun:
        """Return a model with initial weights."""
        settings, started = self.settings_of(sizes), time.perf_counter()
        if self._begun is None:
            self._begun = made_of(settings, self.log, factorise=self._factorise)
        else:
            own = self._begun
            with own.watch.stage("initialise_s"):
                self._begun = replace(own, model=make_model(settings, own.log, own.fitted, own.sample))
        if self.before is not None:
            self._begun.model.follow(self.before.weights)
        self.seconds += time.perf_counter() - started
        return self._begun

    def _carry(self, model: Model) -> None:
        assert self.before is not None
        assert self._begun is not None and self._settings.initializer is not None
        factors = None if self._begun.fitted is None else self._begun.fitted.factors
        enriched = self._settings.initializer.build().enriched_fields(self.log.schema, factors)
        n_before: dict[str, int] = {side: len(own) for side, own in self.before.sizes.items()}
        carry_over(self.before.weights, n_before, model, self.before.start, enriched, self.protocol.known)

    def _grow(self, model: Model, sizes: Sizes) -> None:
        """Let the known rows of a model start where the policy wants them to."""
        assert self.before is not None and self.policy is not None
        for side, before in self.before.sizes.items():
            now = sizes[side][: len(before)]
            grown = self.policy.grown(self.vectors(side)[: len(before)], before, now)
            if grown is not None:
                table = _table_of(model, side)
                rows = (now > before).nonzero().squeeze(1)
                vectors = table.vectors(rows + table.first_row[side]).detach()
                is_new = torch.arange(self._most) >= before[rows].unsqueeze(1)
                table.put(rows + table.first_row[side], torch.where(is_new, grown[rows], vectors), now[rows])

    def vectors(self, side: EntitySide) -> Tensor:
        """Return the vectors of a side in the model before, see `StreamState`."""
        return self._vectors[side]

    @cached_property
    def _vectors(self) -> dict[EntitySide, Tensor]:
        n_rows = {side: self.log.schema[side].vocabulary_size for side in ENTITY_FIELDS}
        found = {side: torch.zeros(n, self._most) for side, n in n_rows.items()}
        if self.before is not None:
            n_before = {side: len(own) for side, own in self.before.sizes.items()}
            sizes = {side: torch.ones(n, dtype=torch.int64) for side, n in n_rows.items()}
            for side, n in n_before.items():
                sizes[side][:n] = self.before.sizes[side]
            model = self._made(sizes).model
            self._carry(model)
            for side, n in n_before.items():
                table = _table_of(model, side)
                found[side][:n] = table.vectors(torch.arange(n) + table.first_row[side]).detach()
        return found

    def value_of(self, sizes: Sizes, steps: int) -> float:
        """Return what a model of some sizes reaches on the validation rows in so many steps, see `StreamState`.

        It trains as that of the segment will, with the same batches, and its best epoch counts; what is left of the
        steps after the last whole epoch is an epoch, too.
        """
        begun, fit = self(sizes), self._settings.build_fit()
        fit.callbacks = {}  # they belong to the model that is kept
        model, rows = begun.model, begun.sample.rows
        device, size = device_of_accelerator(fit.accelerator), fit.rows_per_step(len(begun.sample.rows))
        # Dropout draws from the global generator, and what is tried must not change what follows.
        with torch.random.fork_rng():
            model.fit_sample(self.log, rows, begun.sample.weights, begun.sample.offset)
            state = fit.begun(model.to(device), self.log, rows, self._held_out)
            groups = self.log.field_ids("user", rows) if model.shuffles_users else None
            shuffle = torch_generator(self._settings.seeds.weights, "batches")
            loader = BatchLoader(self.log, rows, size, shuffle, batch_columns(begun.sample, begun.fitted), groups)
            state.begin()
            while steps > 0 and not fit.is_over(state):
                for batch in islice(loader, steps):
                    state.step(batch.to(device))
                steps -= len(loader)
                state.end_epoch(fit.learning_rate)
                check_interrupt()
        monitor = self._held_out.monitor
        value = state.best.metrics[monitor.name]
        return value if monitor.higher_is_better else -value

    @cached_property
    def _held_out(self) -> HeldOut:
        rate = self._settings.build_fit().validation_rate
        return BY_TASK[self._settings.task](self.log, "validation", rate)

    def judged(self, model: Model, metrics: Mapping[str, float]) -> Judged:
        """Return how a trained model, whose validation metrics are given, does on the validation rows."""
        monitor = self._held_out.monitor
        value = metrics[monitor.name]
        return Judged(value if monitor.higher_is_better else -value, lambda: self._losses(model))

    def _losses(self, model: Model) -> Losses:
        held_out, log = self._held_out, self.log
        model.eval()
        if isinstance(held_out, HeldOutRanks):
            rows = held_out.held_out.rows[held_out.kept]
            values = 1 - 1 / (1 + torch.from_numpy(held_out.ranks(model))).log2()
        else:
            rows, probability = held_out.rows, torch.from_numpy(held_out.probabilities(model))
            values = -torch.where(log.labels(rows) > 0, probability, 1 - probability).clamp(min=1e-15).log()
        users, items = (log.field_ids(side, rows).long() for side in ENTITY_FIELDS)
        return Losses(users, items, values)


def _table_of(model: Model, side: EntitySide) -> SizedTable:
    """Return the table that has the rows of a side."""
    tables = (module for module in model.modules() if isinstance(module, SizedTable))
    return next(table for table in tables if side in table.names)
