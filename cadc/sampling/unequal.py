"""Base class of samplers with unequal probabilities: sampling proportional to size, inverse-probability weights."""

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
from cadc.sampling.sampler import Sample, Sampler
from cadc.sampling.smallest import Smallest, parts_of

Weighting = Literal["none", "ipw"]


class UnequalSampler(Sampler):
    """Keeps rows with probability proportional to a size, at most 1.

    Each row has a random number u in [0, 1), whatever the rate, and the rows with the smallest u / size are kept
    (sequential Poisson sampling, Ohlsson 1998; priority sampling, Duffield, Lund and Thorup 2007). So the size of the
    sample is exact, and samples of one seed are nested. A row whose size exceeds its share is practically certain, and
    the other rows share the rest. Inclusion probabilities are proportional to size up to a relative error of about
    1 / (rows kept), and of 1 / √(rows kept) for rows that are nearly certain.

    Weights divide by the probability of a row given the random numbers of all other rows. This is min(1, size · t),
    where t is the smallest key that was left out. Weighted totals are then exactly unbiased, before weights are
    normalised and clipped.

    A subclass implements `sizes`.

    Parameters
    ----------
    rate : share of the training rows kept, in (0, 1].
    weighting : `ipw` weighs each row in the loss by its inverse inclusion probability; `none` does not.
    clip : largest weight as a multiple of the mean weight, which trades bias for variance; None does not clip.

    Raises
    ------
    UsageError : if an option is out of its range.
    """

    def __init__(self, rate: float = 1.0, weighting: Weighting = "none", clip: float | None = 10.0) -> None:
        super().__init__(rate)
        if clip is not None:
            require_at_least(1, "sampler", clip=clip)
        self.weighting: Weighting = weighting
        self.clip = clip

    @abstractmethod
    def sizes(self, log: InteractionLog, factors: Callable[[], Factors] | None = None) -> NDArray[np.float64]:
        """Return the size of each training row, above 0, float64, shape [n]; see `Sampler.keys` for the arguments."""

    def keys(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> NDArray[np.floating]:
        """Return random numbers divided by the sizes, shape [n]."""
        sizes = self.sizes(log, factors)
        return generator.random(len(sizes)) / sizes

    def draw(
        self,
        log: InteractionLog,
        n_kept: int,
        generator: np.random.Generator,
        factors: Callable[[], Factors] | None = None,
    ) -> Sample:
        """Return a sample of exactly `n_kept` rows, see `Sampler.draw`."""
        rows, probability = proportional_to_size(self.sizes(log, factors), n_kept, generator)
        return weighted_sample(rows, probability, self.clip) if self.weighting == "ipw" else Sample(rows)


def proportional_to_size(
    sizes: NDArray[np.float64], n_kept: int, generator: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Draw rows with probability proportional to size.

    Parameters
    ----------
    sizes : size of each row, above 0, shape [n].
    n_kept : number of rows to keep, below n.
    generator : draws a random number for each row.

    Returns
    -------
    rows : numbers of the kept rows in ascending order, int64, shape [n_kept].
    probability : inclusion probability of each kept row, given the random numbers of all others, float64, shape
        [n_kept].
    """
    smallest = Smallest(n_kept + 1)
    for part in parts_of(len(sizes)):
        smallest.add(generator.random(part.stop - part.start) / sizes[part], np.arange(part.start, part.stop))
    keys, rows = smallest.found()
    # The largest of these keys is the smallest one that is left out.
    left_out = int(keys.argmax())
    kept = np.sort(np.delete(rows, left_out))
    return torch.from_numpy(kept), torch.from_numpy(np.minimum(1.0, sizes[kept] * keys[left_out]))


def weighted_sample(rows: Tensor, probability: Tensor, clip: float | None) -> Sample:
    """Return a sample with inverse-probability weights.

    Weights are scaled to mean 1, clipped, and scaled again. Among the facts of the sample, `effective_size` is Kish's
    (Σw)² / Σw², the number of equally weighted rows with the same variance of a mean, and `clipped_share` is the share
    of rows whose weight was clipped.

    Parameters
    ----------
    rows : row numbers, int32 or int64, shape [n].
    probability : inclusion probability of each row, in (0, 1], shape [n].
    clip : largest weight as a multiple of the mean weight before clipping; None does not clip.

    Examples
    --------
    >>> weighted_sample(torch.tensor([3, 7]), torch.tensor([0.5, 1.0]), clip=None).weights.tolist()
    [1.3333333730697632, 0.6666666865348816]
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
