"""The factorisation of a segment: which rows it reads, what it goes on from, and in which basis its vectors are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import EntitySide
from cadc.data.split.segments import TRAIN
from cadc.data.streams import Stream
from cadc.embeddings.fitting.rotation import rotated
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors
from cadc.factorization.fitted_rows import Fitted
from cadc.factorization.warm_start import WarmStart
from cadc.pipeline.build import factorize_log
from cadc.pipeline.settings import Settings
from cadc.sampling.sampler import Sample
from cadc.streams.protocol import Protocol
from cadc.streams.reservoir import Reservoir


@dataclass(frozen=True)
class SegmentFactors:
    """Factorises a segment.

    Parameters
    ----------
    protocol, stream, reservoir : of the run.
    index : of the segment.
    replayed : rows of earlier segments that it trains again, as of the whole log, int64, shape [n].
    counts : training rows of each id so far, by side.
    before : the factors of the segment before, to go on from; None fits anew.
    """

    protocol: Protocol
    stream: Stream
    reservoir: Reservoir
    index: int
    replayed: NDArray[np.int64]
    counts: Mapping[EntitySide, Tensor]
    before: WarmStart | None

    def __call__(self, settings: Settings, log: InteractionLog, sample: Sample) -> Fitted | None:
        """Return the factors that the segment's tables start from, or its model scores by, if it asks for any.

        Parameters
        ----------
        settings : of the segment.
        log : of the segment.
        sample : training rows of it that the model is fitted on.
        """
        beside = self._rows_beside()
        read = log
        if len(beside):
            read = self.stream.segment(self.index, np.concatenate([beside, self.replayed]))
            sample = replace(sample, rows=sample.rows + len(beside))
        before = self.before if self.protocol.warm else None
        if before is not None:
            before = replace(before, max_passes=self.protocol.passes)
        if settings.factorized_rows == "complement" and len(sample.rows) == read.n_rows("train"):
            # In the first segment there is no other row. Vectors for tables cannot be cross-fitted and then trained.
            settings = replace(settings, factorized_rows="full" if settings.starts_from_factors else "crossfit")
        fitted = factorize_log(settings, read, sample, before)
        if fitted is None:
            return None
        if isinstance(fitted.factors, CrossFitted):
            return replace(fitted, factors=replace(fitted.factors, fold=fitted.factors.fold[len(beside) :]))
        # Factors that go on stay in the basis of the earlier ones, which rows that are carried have, too.
        return fitted if before is not None else replace(fitted, factors=self._in_order(fitted.factors))

    def _rows_beside(self) -> NDArray[np.int64]:
        """Return rows of earlier segments that are read beside those that train, ascending, int64, shape [n]."""
        if self.protocol.factorize == "segment":
            return np.empty(0, np.int64)
        rows = self.reservoir.rows
        if self.protocol.factorize == "past":
            earlier = [self.stream.rows(own, TRAIN) for own in self.stream.judged() if own < self.index]
            rows = np.concatenate([np.empty(0, np.int64), *earlier])
        return np.setdiff1d(rows, self.replayed)

    def _in_order(self, factors: Factors) -> Factors:
        """Return factors whose products are the same, and whose prefixes approximate them best."""
        if len(factors.fields) != 2 or not factors.dim:
            return factors
        weights: dict[str, Tensor] = {side: counts + 1 for side, counts in self.counts.items()}
        return factors.with_vectors(rotated(factors.vectors, weights))


def to_go_on_from(fitted: Fitted | None) -> WarmStart | None:
    """Return what the factorisation of the next segment goes on from; None if there is nothing."""
    if fitted is None or isinstance(fitted.factors, CrossFitted):
        return None
    (cost,) = fitted.cost.values()
    return WarmStart(fitted.factors, {name: cost[name] for name in cost if name not in ("seconds", "epochs")})
