"""Uniform sampling, the sample of CADC (arXiv 2407.08108)."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.factorization.factors import Factors
from cadc.sampling.sampler import Sampler


class UniformSampler(Sampler):
    """Keeps each training row with the same probability."""

    allows_complement: ClassVar[bool] = True
    keeps_reservoirs: ClassVar[bool] = True

    def keys(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> NDArray[np.floating]:
        """Return uniform random numbers, shape [n]."""
        return generator.random(log.n_rows("train"))

    def reservoir_keys(
        self,
        log: InteractionLog,
        draws: NDArray[np.float64],
        counts: Mapping[str, Tensor],
        generator: np.random.Generator,
    ) -> NDArray[np.floating]:
        """Return the random numbers themselves, see `Sampler.reservoir_keys`."""
        return draws
