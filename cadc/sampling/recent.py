"""Sampling of the most recent rows of every user."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.errors import DataError, UsageError, require_at_least
from cadc.factorization.factors import Factors
from cadc.sampling.sampler import Sample, Sampler, entities_of_rows
from cadc.sampling.stratified import evenly_spread, ranks_within


class RecentSampler(Sampler):
    """Keeps the latest rows of every user by time: either k of them, or the share `rate`.

    With a rate, a user with m rows keeps m · rate of them, rounded up or down at random such that round(rate · n) rows
    are kept in all. Rows of the same time are in random order. Samples of one seed are nested, in k as in the rate.
    Older rows are never kept, so there are no inclusion probabilities, and no weights.

    Parameters
    ----------
    rate : share of the training rows kept, in (0, 1]; it must be 1 if `k` is given.
    k : number of rows kept of every user, or all rows of a user who has fewer; None keeps the share `rate`.

    Raises
    ------
    DataError : if the log has no users or no times.
    UsageError : if both `rate` and `k` are given, or one is out of its range.
    """

    keeps_reservoirs: ClassVar[bool] = True

    def __init__(self, rate: float = 1.0, k: int | None = None) -> None:
        super().__init__(rate)
        if k is not None:
            require_at_least(1, "sampler", k=k)
            if rate != 1:
                raise UsageError(f"sampler.k is {k} and sampler.rate is {rate}; set only one of them.")
        self.k = k

    def __call__(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> Sample:
        """Return the kept rows, see `Sampler.__call__`."""
        if self.k is None:
            return super().__call__(log, generator, factors)
        ranks = ranks_from_the_end(log, generator)[1]
        return Sample(torch.from_numpy(np.flatnonzero(ranks < self.k)))

    def keys(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> NDArray[np.floating]:
        """Return each row's position from the end of its user's history, as a share of its length, shape [n]."""
        return evenly_spread(*ranks_from_the_end(log, generator), generator)

    def reservoir_keys(
        self,
        log: InteractionLog,
        draws: NDArray[np.float64],
        counts: Mapping[str, Tensor],
        generator: np.random.Generator,
    ) -> NDArray[np.floating]:
        """Return the position of each row from the end of its user's history, see `Sampler.reservoir_keys`.

        It is a share of the rows that the user has had so far; with `k` it is the position itself, so that all users
        keep equally many rows.
        """
        user, ranks = ranks_from_the_end(log, draws)
        return (ranks + draws) / (counts["user"].numpy()[user] if self.k is None else 1)


def ranks_from_the_end(
    log: InteractionLog, ties: np.random.Generator | NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the user of each training row, and the number of later training rows of this user, int64, shape [n] each.

    Parameters
    ----------
    log : the log.
    ties : numbers that order rows of the same user and time, shape [n], or what draws them.

    Raises
    ------
    DataError : if the log has no users or no times.
    """
    if not log.has_column("time"):
        raise DataError(
            f"the log {log.meta['name']} has no column time, which sampler=recent needs; choose another sampler."
        )
    user = entities_of_rows(log, "user")
    drawn = ties.random(len(user)) if isinstance(ties, np.random.Generator) else ties
    return user, ranks_within(user, -log.column("time", "train").astype(np.int64), drawn)
