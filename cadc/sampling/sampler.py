"""Base class of samplers: a sampler gives every training row a key, and keeps the rows with the smallest keys."""

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
from cadc.sampling.smallest import Smallest, parts_of


@dataclass(frozen=True)
class Sample:
    """The training rows that the network is trained on.

    Parameters
    ----------
    rows : row numbers in ascending order, int64, shape [n].
    weights : weights of the rows in the loss, with mean 1, float32, shape [n]; None weighs all rows alike.
    offset : logit that is added to the model's during training only. A sampler that keeps a share w of each label sets
        log(w_pos / w_neg); the model's own logits are then calibrated for all rows.
    facts : further numbers about the sample for the record, such as `effective_size`.
    seconds : seconds of work that an earlier run did and the cache saved; they count among the costs of this run.
    """

    rows: Tensor
    weights: Tensor | None = None
    offset: float = 0.0
    facts: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    def batch_columns(self) -> dict[str, Tensor]:
        """Return the parts `weight` and `offset` of a `Batch` that this sample sets, float32, shape [n] each."""
        found = {} if self.weights is None else {"weight": self.weights}
        if self.offset:
            found["offset"] = torch.full((len(self.rows),), self.offset)
        return found


class Sampler(ABC):
    """Keeps a share of the training rows.

    A subclass implements `keys`, which gives every training row a number; the rows with the smallest numbers are kept.
    Keys must not depend on the rate, so that the samples of one seed are nested: the 1 % sample is a part of the 10 %
    sample. A sampler that weighs rows, or needs the size of the sample, overrides `draw` instead.

    A subclass takes its options as keyword arguments, keeps each in an attribute of the same name, and passes `rate`
    on. It reads the log through its methods (`log.column("label", "train")`, `log.field_ids(…)`), and draws all random
    numbers from the generator that it is given.

    Parameters
    ----------
    rate : share of the training rows kept, in (0, 1].

    Raises
    ------
    UsageError : if the rate is out of its range.

    Examples
    --------
    A sampler that prefers positive rows:

    >>> class PositivesFirst(Sampler):
    ...     def keys(self, log, generator, factors=None):
    ...         return generator.random(log.n_rows("train")) - log.column("label", "train")
    >>> from cadc.data.prepare import prepare
    >>> from cadc.data.sources.synthetic import Synthetic
    >>> from cadc.data.split import RandomSplit
    >>> log = prepare(Synthetic(n_rows=1000), RandomSplit())
    >>> sample = PositivesFirst(rate=0.1)(log, np.random.default_rng(0))
    >>> len(sample.rows), float(log.labels(sample.rows).mean())
    (80, 1.0)
    """

    needs_factors: ClassVar[bool] = False
    """Whether the sampler needs the factors of the whole training part."""

    allows_complement: ClassVar[bool] = False
    """Whether `factorization_rows=complement` may be used: whether rows are chosen one by one and regardless of their
    labels, so that a factorisation of the other rows learns nothing about them."""

    keeps_reservoirs: ClassVar[bool] = False
    """Whether the sampler has `reservoir_keys`, and can choose the rows that a stream keeps."""

    def __init__(self, rate: float = 1.0) -> None:
        if not 0 < rate <= 1:
            raise UsageError(f"sampler.rate is {rate}; it must be a share of the training rows in (0, 1].")
        self.rate = rate

    @abstractmethod
    def keys(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> NDArray[np.floating]:
        """Return a key for each of the n training rows; the rows with the smallest keys are kept.

        Parameters
        ----------
        log : the log.
        generator : generator of all random choices.
        factors : returns the factors of the whole training part; None unless the sampler `needs_factors`.

        Returns
        -------
        Numbers of any real type without NaN, shape [n]. They must not depend on the rate.
        """

    def reservoir_keys(
        self,
        log: InteractionLog,
        draws: NDArray[np.float64],
        counts: Mapping[str, Tensor],
        generator: np.random.Generator,
    ) -> NDArray[np.floating]:
        """Return a key for each row that a stream keeps or is offered; the rows with the smallest keys are kept.

        What is left out is never offered again. So the key of a row should depend on what the stream has shown so far,
        and not on which rows happen to be left of it.

        Parameters
        ----------
        log : its training rows are those that are kept or offered.
        draws : a random number in [0, 1) of each that never changes, shape [n].
        counts : training rows of the stream so far, those that are not kept among them: of each `user` and `item` by
            id, *unknown* first, and of each `label`, int64.
        generator : in the same state each time, so that numbers which it draws for users in their order stay theirs.

        Raises
        ------
        UsageError : by default, since a sampler has to have it.
        """
        raise UsageError(f"{type(self).__name__} cannot choose the rows of a reservoir; set stream.keep=uniform.")

    def __call__(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> Sample:
        """Return the sample of a log: round(rate · n) of its n training rows, and all of them at rate 1.

        Parameters
        ----------
        log : the log.
        generator : generator of all random choices.
        factors : returns the factors of the whole training part; None unless the sampler `needs_factors`.

        Raises
        ------
        UsageError : if the rate is so small that no row is kept.
        """
        n_rows = log.n_rows("train")
        n_kept = round(self.rate * n_rows)
        if n_kept == 0:
            raise UsageError(
                f"sampler.rate {self.rate} of {n_rows} training rows keeps none; set it to at least {1 / n_rows:.1g}."
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
        """Return a sample of exactly `n_kept` rows, those with the smallest keys.

        Parameters
        ----------
        log : the log.
        n_kept : number of rows to keep, from 1 to one less than the number of training rows.
        generator, factors : see `keys`.

        Raises
        ------
        CadcError : if `keys` does not return a number for each training row.
        """
        keys = np.asarray(self.keys(log, generator, factors))
        expected = (log.n_rows("train"),)
        if keys.shape != expected or keys.dtype.kind not in "biuf":
            found = f"{keys.dtype} of shape {keys.shape}"
            raise CadcError(f"{type(self).__name__}.keys returned {found}; expected numbers of shape {expected}.")
        n_nan = sum(int(np.isnan(keys[part]).sum()) for part in parts_of(len(keys)))
        if n_nan:
            raise CadcError(f"{type(self).__name__}.keys returned NaN for {n_nan:,} training rows.")
        return Sample(smallest(keys, n_kept))


def smallest(keys: NDArray[Any], n: int) -> Tensor:
    """Return the positions of the n smallest keys in ascending order, int64, shape [n].

    >>> smallest(np.array([0.3, 0.1, 0.2]), 2).tolist()
    [1, 2]
    """
    found = Smallest(n)
    for part in parts_of(len(keys)):
        found.add(keys[part], np.arange(part.start, part.stop))
    return found.rows()


def entities_of_rows(log: InteractionLog, side: Literal["user", "item"]) -> NDArray[np.int64]:
    """Return the user or item of each training row, as a row of the log's entity table, int64, shape [n].

    Raises
    ------
    DataError : if the log has no users or items.
    """
    return entity_column(log, side).astype(np.int64)


def entity_column(log: InteractionLog, side: Literal["user", "item"]) -> NDArray[np.int32]:
    """Return what `entities_of_rows` does as a memory-mapped column, int32, shape [n].

    Raises
    ------
    DataError : if the log has no users or items.
    """
    if not log.has_column(side):
        raise DataError(f"the log {log.meta['name']} has no {side}s, which this sampler needs; choose another sampler.")
    return log.column(side, "train")
