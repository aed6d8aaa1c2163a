"""A run that follows a stream: segment by segment, size the rows, go on training, evaluate."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor, int64, manual_seed, ones

from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, EntitySide
from cadc.data.seen_ids import field_counts
from cadc.data.split.segments import TRAIN, SegmentSplit
from cadc.data.streams import SegmentLog, Stream
from cadc.factorization.fitted_rows import Fitted
from cadc.models.model import Model
from cadc.pipeline.build import open_log
from cadc.pipeline.evaluate import score, with_activity
from cadc.pipeline.kept_rows import keep_rows, require_room
from cadc.pipeline.run import train
from cadc.pipeline.segment_factors import SegmentFactors, to_go_on_from
from cadc.pipeline.segment_models import Before, SegmentModels
from cadc.pipeline.segment_row import (
    linear_terms,
    metrics_of_segment,
    rows_and_costs,
    sizes_and_bytes,
    with_rows_before,
)
from cadc.pipeline.settings import Settings
from cadc.provenance.costs import Stopwatch
from cadc.randomness import derive_seed, numpy_generator, torch_generator
from cadc.sampling.sampler import Sample
from cadc.streams.policy import Sizes, StreamState
from cadc.streams.progress import StreamProgress
from cadc.streams.protocol import Protocol
from cadc.streams.reservoir import Reservoir
from cadc.terminal.interrupts import check_interrupt
from cadc.terminal.progress import say
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.fit_result import FitResult
from cadc.training.fit_state import History


class Carried(NamedTuple):
    """The model of a segment, its sample, how it was fitted, the factorisations, and the seconds of the stages."""

    model: Model
    sample: Sample
    fit: FitResult
    fitted: list[Fitted]
    watch: Stopwatch


class StreamRun:
    """The segments of one run, one after the other.

    Parameters
    ----------
    settings : of the run.
    checkpoints : from which an interrupted stream goes on after its last whole segment; None keeps none.
    tell : called after each segment with a row for each so far; an exception that it raises ends the run.
    log : of the settings; None opens it.

    Attributes
    ----------
    last : what came of the last segment that this process carried out; None before.
    """

    def __init__(
        self,
        settings: Settings,
        checkpoints: CheckpointFolder | None = None,
        tell: Callable[[History], None] | None = None,
        log: InteractionLog | None = None,
    ) -> None:
        assert settings.policy is not None and settings.protocol is not None and settings.scheme is not None
        self.settings, self.checkpoints, self.tell = settings, checkpoints, tell
        self.most = int(settings.scheme.option("dim"))
        self.protocol: Protocol = settings.protocol.build()
        split = settings.split.build()
        assert isinstance(split, SegmentSplit)
        self.log = open_log(settings) if log is None else log
        self.stream = Stream(self.log, split, settings.seeds.split, settings.task == "ranking")
        self.progress = StreamProgress(settings.policy.build(), Reservoir(self.protocol.most_rows))
        self.last: Carried | None = None

    def __call__(self) -> None:
        """Carry out all segments that are left."""
        if self.checkpoints is not None and (newest := self.checkpoints.newest()) is not None:
            self.progress.load(newest)
        require_room(self.settings, self.protocol, self.stream)
        if (skipped := self.stream.skipped()) and (judged := self.stream.judged()):
            first, why = next(iter(skipped.items()))
            others = f", and so are {len(skipped) - 1} more for such reasons" if len(skipped) > 1 else ""
            say(
                f"segment {first + 1} of {self.log.meta['name']} is left out, since {why}{others}; "
                f"{len(judged)} of {len(self.stream)} segments are left."
            )
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
        # Dropout draws from the global generator, whose state is not kept: a stream that goes on has to draw the same.
        manual_seed(derive_seed(seeds.weights, f"global {index}"))
        own = self.stream.rows(index, TRAIN)
        n_replayed = int(self.protocol.replay * len(own))
        replayed = progress.reservoir.draw(n_replayed, numpy_generator(seeds.sample, f"replay {index}"))
        log = self.stream.segment(index, replayed)
        counts = self._counts(log, len(replayed))
        factorise = SegmentFactors(
            self.protocol, self.stream, progress.reservoir, index, replayed, counts, progress.factors
        )
        models = self._models(index, log, factorise)
        n_kept = progress.reservoir.n_after(len(own))
        state, of_policy = self._state(index, log, counts, models, n_kept), Stopwatch()
        with of_policy.stage("policy_s"):
            sizes = progress.policy.sizes(state)
        state.require_within(sizes, type(progress.policy).__name__)
        of_policy.seconds["policy_s"] -= models.seconds
        last = self._trained(models, sizes)
        model, sample, fit, fitted, watch = last
        with of_policy.stage("policy_s"):
            progress.policy.learn(state, sizes, models.judged(model, fit.validation))
        watch.seconds |= of_policy.seconds
        with watch.stage("evaluate_s"):
            table = with_activity(score(model, log, settings.evaluated, settings.task), log, sample, settings.evaluated)
            table = with_rows_before(table, log, settings.evaluated, progress.counts)
        with watch.stage("sample_s"):
            keep_rows(settings, self.protocol, self.stream, index, progress.reservoir, counts)
        progress.tables.append(table.assign(segment=index))
        progress.weights = {name: weight.clone() for name, weight in model.state_dict().items()}
        progress.counts, progress.sizes = counts, sizes
        progress.segments.append(
            {"segment": index}
            | rows_and_costs(log, sample, fit, fitted, watch, n_replayed=len(replayed))
            | sizes_and_bytes(settings, self.protocol, state, sizes, model, len(progress.reservoir.rows))
            | metrics_of_segment(settings, table, fit.validation, log)
        )
        self.last = last

    def _counts(self, log: SegmentLog, n_replayed: int) -> dict[EntitySide, Tensor]:
        """Return the training rows of each id so far; those that are replayed were counted before."""
        own, found = log.rows("train")[n_replayed:], {}
        for side, before in self.progress.counts.items():
            found[side] = field_counts(log, side, own)
            found[side][: len(before)] += before
        return found

    def _models(self, index: int, log: SegmentLog, factorise: SegmentFactors | None = None) -> SegmentModels:
        """Return what makes the models of a segment, each from that of the segment before."""
        progress, seeds = self.progress, self.settings.seeds
        own = replace(seeds, weights=derive_seed(seeds.weights, f"segment {index}"))
        before = None
        if progress.weights is not None and progress.sizes is not None:
            before = Before(progress.weights, progress.sizes, progress.start)
        settings = replace(self.settings, seeds=own)
        return SegmentModels(settings, log, self.protocol, self.most, before, progress.policy, factorise)

    def _state(
        self, index: int, log: SegmentLog, counts: Mapping[EntitySide, Tensor], models: SegmentModels, n_kept: int
    ) -> StreamState:
        n_rows = sum(map(len, counts.values()))
        users, items = (log.field_ids(side, log.rows("train")).long() for side in ENTITY_FIELDS)
        return StreamState(
            segment=index,
            counts=counts,
            recent={side: field_counts(log, side, log.rows("train")) for side in counts},
            before=self.progress.sizes,
            pairs=(users, items),
            total=self.protocol.numbers(index, n_rows, linear_terms(self.settings, counts), n_kept),
            most=self.most,
            vectors=models.vectors,
            value_of=models.value_of,
            generator=torch_generator(self.settings.seeds.weights, f"policy {index}"),
        )

    def _trained(self, models: SegmentModels, sizes: Sizes) -> Carried:
        """Return a model of the given sizes, fitted to its segment."""
        begun, settings = models(sizes), models.settings_of(sizes)
        model, sample, watch = begun.model, begun.sample, begun.watch
        self.progress.start = models.start
        if self.protocol.warm:
            self.progress.factors = to_go_on_from(begun.fitted)
        with watch.stage("train_s"):
            # Epochs are not told, since what follows a run takes segments for its epochs.
            fit = train(settings, model, models.log, sample, begun.fitted, tell=lambda epochs: check_interrupt())
        assert fit is not None
        fitted = [own for own in (begun.before_sampling, begun.fitted) if own is not None]
        return Carried(model, sample, fit, fitted, watch)

    def last_segment(self) -> tuple[SegmentLog, Model]:
        """Return the log of the last segment, and a model of it with other weights and sizes, which serving loads."""
        index = self.stream.judged()[-1]
        log = self.stream.segment(index)
        sizes = {side: ones(log.schema[side].vocabulary_size, dtype=int64) for side in ENTITY_FIELDS}
        return log, self._models(index, log)(sizes).model
