"""Sampling with probability proportional to size, and inverse-probability weights."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.errors import require_at_least
from cadc.factorization.factors import Factors
from cadc.sampling.sampler import Sample, Sampler, smallest

Weighting = Literal["none", "ipw"]


class UnequalSampler(Sampler):
    """Keeps rows with probability proportional to a size, at most 1.

    Each row has a random number u in [0, 1) whatever the rate, and the rows with the smallest u / size stay (sequential
    Poisson sampling, Ohlsson 1998; priority sampling, Duffield, Lund and Thorup 2007). So the size of the sample is
    exact, samples of one seed are nested, and a row whose size exceeds its share is certain in effect, the other ones
    sharing what is left. The probabilities are proportional to size up to a relative error of about 1 / (rows kept),
    and of 1 / √(rows kept) at the edge to certainty. The one that a weight divides by is that of the row given the
    random numbers of all other ones, min(1, size · t) with t the smallest key left out: with it a weighted total is
    unbiased exactly, before weights are normalised and clipped.

    Parameters
    ----------
    rate : share of the training rows kept, in (0, 1].
    weighting : `ipw` weighs each row in the loss by its inverse inclusion probability.
    clip : largest weight as a multiple of the mean; None leaves them as they are. It trades bias for variance.
    """

    def __init__(self, rate: float = 1.0, weighting: Weighting = "none", clip: float | None = 10.0) -> None:
        super().__init__(rate)
        if clip is not None:
            require_at_least(1, "sampler", clip=clip)
        self.weighting: Weighting = weighting
        self.clip = clip

    @abstractmethod
    def sizes(self, log: InteractionLog, factors: Callable[[], Factors] | None = None) -> NDArray[np.float64]:
        """Return the size of every training row, above 0, shape [n]."""

    def keys(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> NDArray[np.floating]:
        """Return random numbers divided by sizes."""
        sizes = self.sizes(log, factors)
        return generator.random(len(sizes)) / sizes

    def draw(
        self,
        log: InteractionLog,
        n_kept: int,
        generator: np.random.Generator,
        factors: Callable[[], Factors] | None = None,
    ) -> Sample:
        """Return a sample of `n_kept` rows, fewer than there are."""
        sizes = self.sizes(log, factors)
        rows, probability = proportional_to_size(sizes, n_kept, generator)
        return weighted(rows, probability, self.clip) if self.weighting == "ipw" else Sample(rows)


def proportional_to_size(
    sizes: NDArray[np.float64], n_kept: int, generator: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Draw rows with probability proportional to size.

    Parameters
    ----------
    sizes : above 0, shape [n].
    n_kept : below n.
    generator : gives each row its random number.

    Returns
    -------
    rows : in ascending order, int64, shape [n_kept].
    probability : of each of these to be kept given the random numbers of all others, float64, shape [n_kept].
    """
    keys = generator.random(len(sizes)) / sizes
    rows = smallest(keys, n_kept)
    threshold = np.partition(keys, n_kept)[n_kept]
    return rows, torch.from_numpy(np.minimum(1.0, sizes[rows.numpy()] * threshold))


def weighted(rows: Tensor, probability: Tensor, clip: float | None) -> Sample:
    """Return a sample with inverse-probability weights.

    Weights are scaled to mean 1, clipped, and scaled again. Facts: `effective_size` is Kish's (Σw)² / Σw², the number
    of equally weighted rows with the same variance of a mean, and `clipped_share` the share of rows that were clipped.

    Parameters
    ----------
    rows : row numbers, int64, shape [n].
    probability : of each row to be kept, in (0, 1], shape [n].
    clip : largest weight as a multiple of the mean before clipping; None leaves them.
    """
    weights = 1 / probability.double()
    weights /= weights.mean()
    clipped_share = 0.0
    if clip is not None:
        clipped_share = float((weights > clip).double().mean())
        weights = weights.clamp(max=clip)
        weights /= weights.mean()
    effective_size = float(weights.sum() ** 2 / weights.square().sum())
    return Sample(rows, weights.float(), facts={"effective_size": effective_size, "clipped_share": clipped_share})
