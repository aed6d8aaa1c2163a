"""Base class of splits: which rows are training rows, validation rows and test rows."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.errors import UsageError

SPLITS = ("train", "validation", "test")
"""The parts of a split log."""


class Split(ABC):
    """Assigns every row of a log to one of `SPLITS`.

    A subclass takes its options as keyword arguments and keeps each in an attribute of the same name; the cache of
    prepared logs is keyed by them.

    Examples
    --------
    >>> class EveryFourth(Split):
    ...     def assign(self, n_rows, generator):
    ...         return np.resize([2, 0, 1, 0], n_rows).astype(np.uint8)
    >>> [SPLITS[place] for place in EveryFourth().assign(3, np.random.default_rng(0))]
    ['test', 'train', 'validation']
    """

    needs: ClassVar[tuple[str, ...]] = ()
    """Columns of the log that it cannot do without: any of `user`, `item`, `time` and `part`."""

    takes: ClassVar[tuple[str, ...]] = ()
    """Further columns that it reads if the log has them; a missing one is passed as None.

    `ticks_per_second` among them is no column: it is the number of ticks of `time` in a second.
    """

    @abstractmethod
    def assign(self, n_rows: int, generator: np.random.Generator, *args: Any, **columns: Any) -> NDArray[np.uint8]:
        """Return the index in `SPLITS` of each row, uint8, shape [n_rows].

        Parameters
        ----------
        n_rows : number of rows of the log.
        generator : generator of all random choices.
        columns : the columns of `needs` and `takes` by name, shape [n_rows] each: `user` and `item` number the entities
            from 0 (int32), `time` is in ticks of a second or less (int64), `part` is what the data gives each row, an
            index in `SPLITS` (uint8). They may be memory-mapped.

        Raises
        ------
        DataError : if this split cannot work with the columns.
        """

    def remark(self, place: NDArray[np.uint8], *args: Any, **columns: Any) -> str:
        """Return a sentence about the parts that the user should read and the log should keep, or an empty text.

        Parameters
        ----------
        place : result of `assign`.
        columns : columns that `assign` received.
        """
        return ""


def require_shares(**shares: float) -> None:
    """Raise a UsageError for the first option of a split that is not a share of the rows.

    >>> require_shares(validation=0.1, test=1.5)
    Traceback (most recent call last):
    cadc.errors.UsageError: data.split.test is 1.5; it must be a share of the rows between 0 and 1.
    """
    for name, share in shares.items():
        if not 0 < share < 1:
            raise UsageError(f"data.split.{name} is {share}; it must be a share of the rows between 0 and 1.")
