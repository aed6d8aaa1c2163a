"""What all samplers share: each gives every row a key and keeps the smallest keys."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.errors import CadcError, DataError, UsageError
from cadc.factorization.factors import Factors


@dataclass(frozen=True)
class Sample:
    """The training rows that a network sees.

    Parameters
    ----------
    rows : row numbers in ascending order, int64, shape [n].
    weights : of the rows in the loss, mean 1, float32, shape [n]; None weighs all alike.
    offset : logit added to the model's in training alone, log(w_pos / w_neg) where the sampler keeps a share w of each
        class; what the model itself gives is then calibrated for all rows.
    facts : what else a record should say of the sample, such as `effective_size`.
    seconds : of work that an earlier run did and the cache saved; they count as this run's.
    """

    rows: Tensor
    weights: Tensor | None = None
    offset: float = 0.0
    facts: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    def beside(self) -> dict[str, Tensor]:
        """Return what goes into batches beside the rows, shape [n] each."""
        found = {} if self.weights is None else {"weight": self.weights}
        if self.offset:
            found["offset"] = torch.full((len(self.rows),), self.offset)
        return found


class Sampler(ABC):
    """Keeps a share of the training rows.

    The keys do not depend on the rate, so the samples of one seed are nested: the 1 % sample lies inside the
    10 % sample.

    Parameters
    ----------
    rate : share of the training rows kept, in (0, 1].
    """

    needs_factors: ClassVar[bool] = False
    """Whether it asks for the factorisation of the whole training part."""

    allows_complement: ClassVar[bool] = False
    """Whether rows are chosen one by one and without their labels, so that a factorisation of the other rows knows
    nothing of theirs."""

    def __init__(self, rate: float = 1.0) -> None:
        if not 0 < rate <= 1:
            raise UsageError(f"sampler.rate is {rate}; it is a share of the training rows in (0, 1].")
        self.rate = rate

    @abstractmethod
    def keys(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> NDArray[np.floating]:
        """Return a key for every training row, shape [n]."""

    def __call__(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> Sample:
        """Return the kept rows.

        Parameters
        ----------
        log : the log.
        generator : of all random choices.
        factors : gives the factors of the whole training part, to a sampler that needs them.

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
            return Sample(torch.arange(n_rows))
        return self.draw(log, n_kept, generator, factors)

    def draw(
        self,
        log: InteractionLog,
        n_kept: int,
        generator: np.random.Generator,
        factors: Callable[[], Factors] | None = None,
    ) -> Sample:
        """Return a sample of exactly `n_kept` rows, fewer than there are: those of the smallest keys.

        Raises
        ------
        CadcError : where `keys` answers with anything else than a number for each training row.
        """
        keys = np.asarray(self.keys(log, generator, factors))
        expected = (log.n_rows("train"),)
        if keys.shape != expected or keys.dtype.kind not in "biuf":
            found = f"{keys.dtype} of shape {keys.shape}"
            raise CadcError(f"{type(self).__name__}.keys returned {found}; expected numbers of shape {expected}.")
        if np.isnan(keys).any():
            raise CadcError(f"{type(self).__name__}.keys returned NaN for {np.isnan(keys).sum():,} training rows.")
        return Sample(smallest(keys, n_kept))


def smallest(keys: NDArray[Any], n: int) -> Tensor:
    """Return the places of the n smallest keys in ascending order, int64, shape [n]."""
    return torch.from_numpy(np.sort(np.argpartition(keys, n - 1)[:n]))


def entities_of_rows(log: InteractionLog, side: Literal["user", "item"]) -> NDArray[np.int64]:
    """Return the user or item of each training row as a row of the log's entity table, shape [n].

    Raises
    ------
    DataError : where the log has none.
    """
    if not log.has_column(side):
        raise DataError(f"the log {log.meta['name']} has no {side}s, which this sampler goes by; choose another one.")
    return log.column(side, "train").astype(np.int64)
