"""Popularity-weighted sampling: the probability of a row grows with a power of its item's or user's count."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.errors import UsageError
from cadc.factorization.factors import Factors
from cadc.sampling.sampler import entity_column
from cadc.sampling.smallest import parts_of
from cadc.sampling.unequal import UnequalSampler, Weighting


class PopularitySampler(UnequalSampler):
    """Keeps rows with probability proportional to count^β, the count of training rows of their item or user.

    Parameters
    ----------
    rate : share of the training rows kept, in (0, 1].
    by : whether rows of the `item` or of the `user` are counted.
    beta : the power β: 0 is uniform, above 0 prefers popular items, below 0 rare ones; at -1 all items have the same
        expected number of rows, up to the number that they have.
    weighting, clip : see `UnequalSampler`.
    """

    allows_complement: ClassVar[bool] = True
    keeps_reservoirs: ClassVar[bool] = True

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
            raise UsageError(f"sampler.beta is {beta}; it must be a power from -10 to 10.")
        self.by: Literal["user", "item"] = by
        self.beta = beta

    def sizes(self, log: InteractionLog, factors: Callable[[], Factors] | None = None) -> NDArray[np.float64]:
        """Return count^β of each row, relative to the largest count, shape [n]."""
        entities = entity_column(log, self.by)
        counts = np.zeros(int(entities.max()) + 1)
        for part in parts_of(len(entities)):
            counts += np.bincount(entities[part], minlength=len(counts))
        with np.errstate(divide="ignore"):  # of entities without rows, whose sizes are not asked for
            # Relative to the largest count, the power stays within the range of float64.
            of_entities = (counts / counts.max()) ** self.beta
        sizes = np.empty(len(entities))
        for part in parts_of(len(entities)):
            sizes[part] = of_entities[entities[part]]
        return sizes

    def reservoir_keys(
        self,
        log: InteractionLog,
        draws: NDArray[np.float64],
        counts: Mapping[str, Tensor],
        generator: np.random.Generator,
    ) -> NDArray[np.floating]:
        """Return random numbers divided by count^β of the stream so far, see `Sampler.reservoir_keys`."""
        of_rows = counts[self.by].numpy()[entity_column(log, self.by)]
        return draws / (of_rows / of_rows.max()) ** self.beta
