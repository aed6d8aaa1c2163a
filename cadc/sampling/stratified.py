"""Stratified sampling: every user, or every item, keeps the same share of its rows."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.factorization.factors import Factors
from cadc.sampling.sampler import Sampler, entities_of_rows


class StratifiedSampler(Sampler):
    """Keeps m · rate of the m rows of each user, or item, rounded up or down at random.

    The rows of a stratum are spread evenly around a circle, in random order and from a random start. The sample is an
    arc of round(rate · n) rows that begins at a random row. So three things are exact: the size of the sample, the
    inclusion probability of every row (the sample's share of all rows), and the expected share of each stratum. Unlike
    those of plain systematic sampling, samples of one seed are nested. In return, a stratum occasionally differs from
    its share by slightly more than one row, because all rows together are not spread perfectly evenly; on
    MovieLens 100K this concerns one user in 8,000.

    Parameters
    ----------
    rate : share of the training rows kept, in (0, 1].
    by : what the strata are: `user` or `item`.
    """

    allows_complement: ClassVar[bool] = True
    keeps_reservoirs: ClassVar[bool] = True

    def __init__(self, rate: float = 1.0, by: Literal["user", "item"] = "user") -> None:
        super().__init__(rate)
        self.by: Literal["user", "item"] = by

    def keys(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> NDArray[np.floating]:
        """Return the steps around the circle from the random start to each row, shape [n]."""
        strata = entities_of_rows(log, self.by)
        place = evenly_spread(strata, ranks_within(strata, generator.random(len(strata))), generator)
        steps = np.empty(len(place))
        steps[np.argsort(place, kind="stable")] = np.arange(len(place))
        return (steps - generator.integers(len(steps))) % len(steps)

    def reservoir_keys(
        self,
        log: InteractionLog,
        draws: NDArray[np.float64],
        counts: Mapping[str, Tensor],
        generator: np.random.Generator,
    ) -> NDArray[np.floating]:
        """Return the rank of each row in its stratum, by its draw, as a share of the rows that this has had so far.

        See `Sampler.reservoir_keys`.
        """
        strata, of_strata = entities_of_rows(log, self.by), counts[self.by].numpy()
        start = generator.random(len(of_strata))
        return (ranks_within(strata, draws) + start[strata]) / of_strata[strata]


def evenly_spread(
    strata: NDArray[np.int64], ranks: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Place the m rows of each stratum at s / m, (1 + s) / m, … (m - 1 + s) / m, with a start s uniform in [0, 1).

    Parameters
    ----------
    strata : number of each row's stratum, shape [n].
    ranks : rank of each row in its stratum, from 0 on, shape [n].
    generator : draws the start of each stratum.

    Returns
    -------
    Places in [0, 1), float64, shape [n]. Below any t, a stratum has m · t of its rows, rounded up or down, and m · t
    in expectation.
    """
    counts = np.bincount(strata)
    start = generator.random(len(counts))
    return (ranks + start[strata]) / counts[strata]


def ranks_within(strata: NDArray[np.int64], *order: NDArray[Any]) -> NDArray[np.int64]:
    """Return each row's rank in its stratum, from 0 on, int64, shape [n].

    Parameters
    ----------
    strata : number of each row's stratum, shape [n].
    order : keys that the rows of a stratum are sorted by, shape [n] each; later keys order rows of equal earlier keys.

    Examples
    --------
    >>> ranks_within(np.array([0, 1, 0]), np.array([5, 6, 4])).tolist()
    [1, 0, 0]
    """
    counts = np.bincount(strata)
    ranks = np.empty(len(strata), np.int64)
    ranks[np.lexsort((*reversed(order), strata))] = np.arange(len(strata)) - np.repeat(
        np.cumsum(counts) - counts, counts
    )
    return ranks
