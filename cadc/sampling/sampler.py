"""What all samplers share: each gives every row a key and keeps the smallest keys."""

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.errors import UsageError


class Sampler(ABC):
    """Keeps a share of the training rows.

    The keys do not depend on the rate, so the samples of one seed are nested: the 1 % sample lies inside the
    10 % sample.

    Parameters
    ----------
    rate : share of the training rows kept, in (0, 1].
    """

    def __init__(self, rate: float = 1.0) -> None:
        if not 0 < rate <= 1:
            raise UsageError(f"sampler.rate is {rate}; it is a share of the training rows in (0, 1].")
        self.rate = rate

    @abstractmethod
    def keys(self, log: InteractionLog, generator: np.random.Generator) -> NDArray[np.floating]:
        """Return a key for every training row, shape [n]."""

    def __call__(self, log: InteractionLog, generator: np.random.Generator) -> Tensor:
        """Return the numbers of the kept rows in ascending order, int64.

        Raises
        ------
        UsageError : where the rate is so small that no row is left.
        """
        n_rows = log.n_rows("train")
        n_kept = round(self.rate * n_rows)
        if n_kept == 0:
            raise UsageError(
                f"sampler.rate {self.rate} of {n_rows} training rows leaves none; at least {1 / n_rows:.1g} is needed."
            )
        if n_kept == n_rows:
            return torch.arange(n_rows)
        kept = np.argpartition(self.keys(log, generator), n_kept - 1)[:n_kept]
        return torch.from_numpy(np.sort(kept))
