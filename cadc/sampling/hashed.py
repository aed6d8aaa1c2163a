"""Uniform sampling by a hash of each row's number, which further rows leave as it is."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.log import InteractionLog
from cadc.factorization.factors import Factors
from cadc.randomness import hashed_uniform
from cadc.sampling.sampler import Sampler


class HashedSampler(Sampler):
    """Keeps each training row with the same probability, by the number that the row has in the raw log.

    A row has the same key in every log that begins with the same rows, however they are split.
    """

    allows_complement: ClassVar[bool] = True

    def keys(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> NDArray[np.floating]:
        """Return a hash of each row, shape [n]."""
        return hashed_uniform(log.column("row", "train"), int(generator.integers(2**63)))
