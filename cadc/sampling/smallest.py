"""Selection of the rows with the smallest keys, which are given part by part."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.grouping import PART_ROWS


def parts_of(n_rows: int) -> Iterator[slice]:
    """Yield the places of rows in parts of at most `PART_ROWS`, one after the other.

    >>> list(parts_of(3))
    [slice(0, 3, None)]
    """
    return (slice(first, min(first + PART_ROWS, n_rows)) for first in range(0, n_rows, PART_ROWS))


class Smallest:
    """The n smallest of any number of keys, in memory for about 2 n of them.

    Of equal keys any may be kept.

    Parameters
    ----------
    n : number of keys to keep.

    Examples
    --------
    >>> found = Smallest(2)
    >>> found.add(np.array([0.3, 0.1]), np.array([0, 1]))
    >>> found.add(np.array([0.2, 0.9]), np.array([2, 3]))
    >>> found.rows().tolist()
    [1, 2]
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._keys: list[NDArray[Any]] = []
        self._columns: list[tuple[NDArray[Any], ...]] = []
        self._n_held = 0
        self._bound: Any = None

    def add(self, keys: NDArray[Any], *columns: NDArray[Any]) -> None:
        """Look at some more keys.

        Parameters
        ----------
        keys : numbers without NaN, shape [m].
        columns : what is kept with each key, such as its row number, shape [m] each.
        """
        if self._bound is not None:
            below = np.flatnonzero(keys < self._bound)
            keys, columns = keys[below], tuple(column[below] for column in columns)
        self._keys.append(keys)
        self._columns.append(columns)
        self._n_held += len(keys)
        if self._n_held >= 2 * self._n + PART_ROWS:
            self._cut()

    def _cut(self) -> None:
        """Forget all but the n smallest keys."""
        keys = np.concatenate(self._keys)
        columns = tuple(map(np.concatenate, zip(*self._columns, strict=True)))
        if len(keys) > self._n:
            kept = np.argpartition(keys, self._n - 1)[: self._n]
            keys, columns = keys[kept], tuple(column[kept] for column in columns)
            self._bound = keys[-1]
        self._keys, self._columns, self._n_held = [keys], [columns], len(keys)

    def found(self) -> tuple[NDArray[Any], ...]:
        """Return the keys that are kept, and what was given with them, in any order."""
        self._cut()
        return self._keys[0], *self._columns[0]

    def rows(self) -> Tensor:
        """Return the row numbers that were given with the keys that are kept, ascending, int64, shape [n]."""
        return torch.from_numpy(np.sort(self.found()[1]).astype(np.int64))
