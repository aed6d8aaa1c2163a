"""Uniform sampling, the sample of CADC (arXiv 2407.08108)."""

import numpy as np
from numpy.typing import NDArray

from cadc.data.log import InteractionLog
from cadc.sampling.sampler import Sampler


class UniformSampler(Sampler):
    """Every training row is equally likely to stay."""

    def keys(self, log: InteractionLog, generator: np.random.Generator) -> NDArray[np.floating]:
        """Return uniform random numbers."""
        return generator.random(log.n_rows("train"))
