"""A run that follows a stream: segment by segment, size the rows, go on training, evaluate."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import pandas as pd
from torch import Tensor, int64, ones

from cadc.configuration.components import Component
from cadc.data.schema import ENTITY_FIELDS, EntitySide
from cadc.data.seen_ids import field_counts
from cadc.data.split.segments import TRAIN, SegmentSplit
from cadc.data.streams import SegmentLog, Stream
from cadc.embeddings.base.table_file import file_bytes
from cadc.embeddings.measured import tables_in
from cadc.embeddings.schemes.sized_rows import SizedRows
from cadc.evaluation.prefixes import prefixed
from cadc.evaluation.tasks import BY_TASK, metrics_of
from cadc.factorization.fitted_rows import Fitted
from cadc.models.model import Model
from cadc.pipeline.build import draw_sample, factorize_log, make_model, open_log
from cadc.pipeline.evaluate import score, with_activity
from cadc.pipeline.run import train
from cadc.pipeline.settings import Settings
from cadc.provenance.costs import Stopwatch
from cadc.randomness import derive_seed, numpy_generator, torch_generator
from cadc.sampling.sampler import Sample
from cadc.streams.carried import carry_over
from cadc.streams.policy import Sizes, StreamState
from cadc.streams.progress import StreamProgress
from cadc.streams.protocol import Protocol
from cadc.streams.reservoir import Reservoir
from cadc.terminal.progress import say
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.fit_result import FitResult
from cadc.training.fit_state import History


class Carried(NamedTuple):
    """The model of a segment, the sample that it was fitted on, and how that went."""

    model: Model
    sample: Sample
    fit: FitResult


class StreamRun:
    """The segments of one run, one after the other.

    Parameters
    ----------
    settings : of the run.
    checkpoints : from which an interrupted stream goes on after its last whole segment; None keeps none.
    tell : called after each segment with a row for each so far; an exception that it raises ends the run.

    Attributes
    ----------
    last : what came of the last segment that this process carried out; None before.
    """

    def __init__(
        self,
        settings: Settings,
        checkpoints: CheckpointFolder | None = None,
        tell: Callable[[History], None] | None = None,
    ) -> None:
        assert settings.policy is not None and settings.protocol is not None and settings.scheme is not None
        self.settings, self.checkpoints, self.tell = settings, checkpoints, tell
        self.most = int(settings.scheme.option("dim"))
        self.protocol: Protocol = settings.protocol.build()
        split = settings.split.build()
        assert isinstance(split, SegmentSplit)
        self.log = open_log(settings)
        self.stream = Stream(self.log, split, settings.seeds.split)
        self.progress = StreamProgress(settings.policy.build(), Reservoir(self.protocol.reservoir))
        self.watch = Stopwatch()
        self.last: Carried | None = None

    def __call__(self) -> None:
        """Carry out all segments that are left."""
        if self.checkpoints is not None and (newest := self.checkpoints.newest()) is not None:
            self.progress.load(newest)
        for index, why in self.stream.skipped().items():
            say(f"segment {index + 1} of {self.log.meta['name']} is left out, since {why}.")
        for index in (left := self.stream.judged()[len(self.progress.segments) :]):
            self._carry_out(index)
            if self.tell is not None:
                self.tell(self.progress.history())
            # The last is carried out again if its run is interrupted before it is recorded: that needs its model.
            if self.checkpoints is not None and index != left[-1]:
                self.checkpoints.save(self.progress.save)

    def _carry_out(self, index: int) -> None:
        """Size, train and evaluate one segment."""
        settings, progress, seeds = self.settings, self.progress, self.settings.seeds
        own = self.stream.rows(index, TRAIN)
        n_replayed = int(self.protocol.replay * len(own))
        replayed = progress.reservoir.draw(n_replayed, numpy_generator(seeds.sample, f"replay {index}"))
        log = self.stream.segment(index, replayed)
        counts = self._counts(log, len(replayed))
        state = self._state(index, log, counts)
        sizes = progress.policy.sizes(state)
        with self.watch.stage("train_s"):
            model, sample, fit = self._trained(index, log, sizes)
        with self.watch.stage("evaluate_s"):
            table = with_activity(score(model, log, settings.evaluated, settings.task), log, sample, settings.evaluated)
        monitor = BY_TASK[settings.task](log, "validation").monitor
        value = fit.validation[monitor.name]
        progress.policy.learn(state, sizes, value if monitor.higher_is_better else -value)
        progress.reservoir.add(own, numpy_generator(seeds.sample, f"reservoir {index}"))
        progress.tables.append(table.assign(segment=index))
        progress.weights = {name: weight.clone() for name, weight in model.state_dict().items()}
        progress.counts, progress.sizes = counts, sizes
        progress.segments.append(self._row(index, log, model, sizes, fit, table))
        self.last = Carried(model, sample, fit)

    def _counts(self, log: SegmentLog, n_replayed: int) -> dict[EntitySide, Tensor]:
        """Return the training rows of each id so far; those that are replayed were counted before."""
        own, found = log.rows("train")[n_replayed:], {}
        for side, before in self.progress.counts.items():
            found[side] = field_counts(log, side, own)
            found[side][: len(before)] += before
        return found

    def _state(self, index: int, log: SegmentLog, counts: Mapping[EntitySide, Tensor]) -> StreamState:
        n_rows, model = sum(map(len, counts.values())), self.settings.model
        return StreamState(
            segment=index,
            counts=counts,
            recent={side: field_counts(log, side, log.rows("train")) for side in counts},
            before=self.progress.sizes,
            total=self.protocol.numbers(index, n_rows) - n_rows * model.cls.numbers_beside(model.options),
            most=self.most,
            value_of=lambda sizes: 0.0,
            generator=torch_generator(self.settings.seeds.weights, f"policy {index}"),
        )

    def _trained(self, index: int, log: SegmentLog, sizes: Sizes) -> tuple[Model, Sample, FitResult]:
        """Return a model of the given sizes, fitted to a segment."""
        settings, sample, fitted, model = self._made(index, log, sizes)
        if self.protocol.carry and self.progress.weights is not None:
            n_before = {side: len(counts) for side, counts in self.progress.counts.items()}
            carry_over(self.progress.weights, n_before, model)
        fit = train(settings, model, log, sample, fitted)
        assert fit is not None
        return model, sample, fit

    def _made(self, index: int, log: SegmentLog, sizes: Sizes) -> tuple[Settings, Sample, Fitted | None, Model]:
        """Return a model of the given sizes as it starts, and what it is made of."""
        weights = derive_seed(self.settings.seeds.weights, f"segment {index}")
        settings = replace(
            self.settings,
            scheme=Component(SizedRows, {"dim": self.most, "sizes": sizes, "dtype": self.protocol.dtype}),
            seeds=replace(self.settings.seeds, weights=weights),
        )
        with self.watch.stage("sample_s"):
            sample = draw_sample(settings, log)
        fitted = factorize_log(settings, log, sample)
        return settings, sample, fitted, make_model(settings, log, fitted, sample)

    def last_segment(self) -> tuple[SegmentLog, Model]:
        """Return the log of the last segment, and a model of it with other weights and sizes, which serving loads."""
        index = self.stream.judged()[-1]
        log = self.stream.segment(index)
        sizes = {side: ones(log.schema[side].vocabulary_size, dtype=int64) for side in ENTITY_FIELDS}
        return log, self._made(index, log, sizes)[-1]

    def _row(
        self, index: int, log: SegmentLog, model: Model, sizes: Sizes, fit: FitResult, table: pd.DataFrame
    ) -> dict[str, Any]:
        """Return what the record says of a segment."""
        tables = [table for _, table in tables_in(model)]
        return {
            "segment": index,
            "rows": dict(log.meta["rows"]),
            "entities": {side: len(own) - 1 for side, own in sizes.items()},
            "numbers": {side: int(own.sum()) for side, own in sizes.items()},
            "bytes": sum(len(file_bytes(table)) for table in tables),
            "index_bytes": sum(table.index_bytes for table in tables),
            "seconds": fit.seconds,
            "epochs": fit.epochs,
            "metrics": prefixed(self.settings.evaluated, metrics_of(table, self.settings.task))
            | prefixed("validation", fit.validation),
        }
