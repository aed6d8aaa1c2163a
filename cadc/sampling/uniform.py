"""Uniform sampling, the sample of CADC (arXiv 2407.08108)."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.log import InteractionLog
from cadc.factorization.factors import Factors
from cadc.sampling.sampler import Sampler


class UniformSampler(Sampler):
    """Keeps each training row with the same probability."""

    allows_complement: ClassVar[bool] = True

    def keys(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> NDArray[np.floating]:
        """Return uniform random numbers, shape [n]."""
        return generator.random(log.n_rows("train"))
