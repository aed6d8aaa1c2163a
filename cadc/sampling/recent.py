"""The most recent rows of every user."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from cadc.data.log import InteractionLog
from cadc.errors import DataError, UsageError, require_at_least
from cadc.factorization.factors import Factors
from cadc.sampling.sampler import Sample, Sampler, entities_of_rows
from cadc.sampling.stratified import evenly_spread, ranks_within


class RecentSampler(Sampler):
    """Every user keeps the latest rows by time: either k of them, or the share `rate`.

    By rate, a user of m rows keeps m · rate of them, rounded up or down at random so that round(rate · n) rows stay in
    all. Equal times are in random order. Samples of one seed are nested in k as in the rate. Older rows cannot
    enter, so that no row has an inclusion probability to weigh it by.

    Parameters
    ----------
    rate : share of the training rows kept, in (0, 1]; with `k` it must stay 1.
    k : rows kept of every user, all of them of a user who has fewer; None goes by the rate.

    Raises
    ------
    DataError : where the log has no users or no times.
    """

    def __init__(self, rate: float = 1.0, k: int | None = None) -> None:
        super().__init__(rate)
        if k is not None:
            require_at_least(1, "sampler", k=k)
            if rate != 1:
                raise UsageError(f"sampler.k is {k} and sampler.rate {rate}; set one of them, the other follows.")
        self.k = k

    def __call__(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> Sample:
        """Return the kept rows, see `Sampler`."""
        if self.k is None:
            return super().__call__(log, generator, factors)
        ranks = ranks_from_the_end(log, generator)[1]
        return Sample(torch.from_numpy(np.flatnonzero(ranks < self.k)))

    def keys(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> NDArray[np.floating]:
        """Return each row's place in its user's history from the end, as a share of the history's length."""
        return evenly_spread(*ranks_from_the_end(log, generator), generator)


def ranks_from_the_end(
    log: InteractionLog, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the user of each training row, and how many of that user's training rows come later; shape [n] each."""
    if not log.has_column("time"):
        raise DataError(f"the log {log.meta['name']} has no times, so no row is more recent; choose another sampler.")
    user = entities_of_rows(log, "user")
    ties = generator.random(len(user))
    return user, ranks_within(user, -log.column("time", "train").astype(np.int64), ties)
