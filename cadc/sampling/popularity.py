"""Popularity-weighted sampling: p ∝ count^β of a row's item or user."""

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from cadc.data.log import InteractionLog
from cadc.errors import UsageError
from cadc.factorization.factors import Factors
from cadc.sampling.sampler import entities_of_rows
from cadc.sampling.unequal import UnequalSampler, Weighting


class PopularitySampler(UnequalSampler):
    """Keeps rows with probability proportional to how often their item, or user, occurs in training, to a power.

    Parameters
    ----------
    rate : share of the training rows kept, in (0, 1].
    by : whose rows are counted.
    beta : the power β: 0 is uniform, above 0 prefers the popular, below 0 the rare; at -1 every item has the same
        expected number of rows, as far as it has them.
    weighting, clip : see `UnequalSampler`.
    """

    allows_complement: ClassVar[bool] = True

    def __init__(
        self,
        rate: float = 1.0,
        by: Literal["user", "item"] = "item",
        beta: float = 0.5,
        weighting: Weighting = "none",
        clip: float | None = 10.0,
    ) -> None:
        super().__init__(rate, weighting, clip)
        if not abs(beta) <= 10:
            raise UsageError(f"sampler.beta is {beta}; it is a power between -10 and 10.")
        self.by: Literal["user", "item"] = by
        self.beta = beta

    def sizes(self, log: InteractionLog, factors: Callable[[], Factors] | None = None) -> NDArray[np.float64]:
        """Return the power of each row's count."""
        entities = entities_of_rows(log, self.by)
        counts = np.bincount(entities)[entities]
        # Relative to the largest, a power cannot leave the range of numbers.
        return np.asarray((counts / counts.max()) ** self.beta)
