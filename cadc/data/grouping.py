"""Rows grouped by a small whole number, such as their user, by counting and part by part."""

import numpy as np
from numpy.typing import NDArray

PART_ROWS = 1 << 20
"""Rows of a log that are read at once where not all of them need to be in memory."""


def counts_of(column: NDArray[np.integer], n_values: int = 0) -> NDArray[np.int64]:
    """Return how often each number from 0 on occurs in a column, at least for `n_values` of them, int64.

    >>> counts_of(np.array([2, 0, 2])).tolist()
    [1, 0, 2]
    """
    counts = np.zeros(max(n_values, int(column.max(initial=-1)) + 1), np.int64)
    for first in range(0, len(column), PART_ROWS):
        counts += np.bincount(column[first : first + PART_ROWS], minlength=len(counts))
    return counts


def grouped_order(column: NDArray[np.integer], counts: NDArray[np.int64]) -> NDArray[np.integer]:
    """Return what a stable argsort of a column does, in 4 bytes a row below 2^32 rows.

    Parameters
    ----------
    column : whole numbers from 0 on, shape [n].
    counts : how often each of them occurs, see `counts_of`.

    Examples
    --------
    >>> column = np.array([2, 0, 2])
    >>> grouped_order(column, counts_of(column)).tolist()
    [1, 0, 2]
    """
    order: NDArray[np.integer] = np.empty(len(column), np.uint32 if len(column) < 2**32 else np.int64)
    free = np.cumsum(counts) - counts
    for first in range(0, len(column), PART_ROWS):
        rows, places = next_places(column[first : first + PART_ROWS], free)
        order[places] = first + rows
    return order


def next_places(numbers: NDArray[np.integer], free: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where some rows go if those of equal number lie one after the other.

    Parameters
    ----------
    numbers : number of each row, from 0 on, shape [m], m below 2^31.
    free : next free place of each number; moved on in place.

    Returns
    -------
    rows : the rows in ascending order of their numbers, equal ones in their order, int64, shape [m].
    places : the place of each of `rows`, int64, shape [m].
    """
    # All keys differ, so that a sort, which is vectorised for numbers of 64 bits, keeps the order of equal numbers.
    keys = np.sort((numbers.astype(np.int64) << 31) | np.arange(len(numbers)))
    ascending, rows = keys >> 31, keys & ((1 << 31) - 1)
    first = np.flatnonzero(np.diff(ascending, prepend=-1))
    lengths = np.diff(first, append=len(keys))
    own = ascending[first]
    places = np.repeat(free[own] - first, lengths) + np.arange(len(keys))
    free[own] += lengths
    return rows, places
