"""Similarity of items by what their common users hold of them, the largest for each item."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

TERMS = 1 << 20
"""Most pairs of items, each counted for every user who has both, that are compared at once."""


def nearest_items(residuals: csr_array, shrinkage: float, k: int, min_common: int = 1) -> csr_array:
    """Return the similarity of each item to those most like it.

    With e_ui what user u holds of item i and c_ij the number of users of both, the similarity is Σ e_ui e_uj /
    sqrt(Σ e_ui² · Σ e_uj²) · c_ij / (c_ij + shrinkage), each sum over the users of both. Items are compared with all
    others block by block, so that there is never an array of n_items² numbers.

    Parameters
    ----------
    residuals : e, one row for each user, float32, shape [n_users, n_items], each pair once; zeros that are held count.
    shrinkage : number of common users that halves a similarity, 0 or more.
    k : similarities that are kept for each item, those with the largest absolute values.
    min_common : fewest common users of a pair that is compared.

    Returns
    -------
    similarities : a row for each item, with ascending columns, float32, shape [n_items, n_items].

    Examples
    --------
    >>> residuals = csr_array([[1.0, 1.0, 0], [-1.0, -1.0, 1.0]], dtype="float32")
    >>> nearest_items(residuals, shrinkage=2.0, k=1).toarray().round(2)
    array([[ 0.  ,  0.5 ,  0.  ],
           [ 0.5 ,  0.  ,  0.  ],
           [-0.33,  0.  ,  0.  ]], dtype=float32)
    """
    n_items = residuals.shape[1]
    # Products leave out sums that are 0. Theirs never are, so that all have the same places: each counts the common
    # users, or adds for each of them a number larger than any product of two residuals. That is taken off again, in
    # float64, so that products of small residuals are not lost beside the largest.
    shift = 2 * float(np.abs(residuals.data).max(initial=0.0)) or 1.0
    ones = _with_data(residuals, np.ones_like(residuals.data))
    by_user = [
        _with_data(residuals, residuals.data.astype(float) - 1j * shift),
        ones,
        _with_data(residuals, np.square(residuals.data) + np.complex64(1j)),
    ]
    by_item = [
        _with_data(residuals, residuals.data.astype(float) + 1j * shift).T.tocsr(),
        by_user[2].T.tocsr(),
        ones.T.tocsr(),
    ]
    parts = []
    for start, stop in _blocks(ones):
        dots, own, other = (left[start:stop] @ right for left, right in zip(by_item, by_user, strict=True))
        common = own.data.imag
        rows = np.repeat(np.arange(stop - start), np.diff(own.indptr))
        kept = (common >= min_common) & (own.indices != rows + start)
        common = common[kept]
        norms = np.sqrt(np.maximum(own.data.real[kept] * other.data.real[kept], np.float32(1e-9)))
        sums = (dots.data.real[kept] - shift**2 * common.astype(float)).astype(np.float32)
        found = sums / norms * (common / (common + np.float32(shrinkage)))
        first = np.concatenate([[0], np.bincount(rows[kept], minlength=stop - start).cumsum()])
        block = csr_array((found, own.indices[kept], first), shape=(stop - start, n_items))
        parts.append(largest_by_row(block, k))
    first = np.concatenate([[0], *(np.diff(part.indptr) for part in parts)]).cumsum()
    columns, values = (np.concatenate(each) for each in ([p.indices for p in parts], [p.data for p in parts]))
    return csr_array((values, columns, first), shape=(n_items, n_items))


def largest_by_row(matrix: csr_array, k: int) -> csr_array:
    """Return the k values of each row with the largest absolute values, by ascending column.

    Of equal ones, those of the first columns are kept.

    >>> largest_by_row(csr_array([[0.1, -0.5, 0.2], [0, 0, 1.0]]), k=2).toarray()
    array([[ 0. , -0.5,  0.2],
           [ 0. ,  0. ,  1. ]])
    """
    sizes = np.abs(matrix.data.astype(np.float32))
    lengths = np.diff(matrix.indptr)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    # Positive floats are in the order of their bits, so that one sort of whole numbers sorts all rows.
    ascending = np.sort((rows << 32) | sizes.view(np.uint32))
    long = lengths > k
    least = np.full(len(lengths), -1.0, np.float32)
    least[long] = (ascending[matrix.indptr[1:][long] - k] & 0xFFFFFFFF).astype(np.uint32).view(np.float32)
    found = np.flatnonzero(sizes >= least[rows])
    found = found[np.argsort((rows[found] << 32) | matrix.indices[found])]
    rows = rows[found]
    equal = sizes[found] == least[rows]
    free = k - np.bincount(rows[~equal], minlength=len(lengths))
    before = equal.cumsum() - equal
    before -= before[np.searchsorted(rows, rows)]
    kept = ~equal | (before < free[rows])
    first = np.concatenate([[0], np.bincount(rows[kept], minlength=len(lengths)).cumsum()])
    return csr_array((matrix.data[found[kept]], matrix.indices[found[kept]], first), shape=matrix.shape)


def _with_data(matrix: csr_array, data: NDArray[Any]) -> csr_array:
    """Return a matrix with the places of another one."""
    return csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def _blocks(ones: csr_array) -> Iterator[tuple[int, int]]:
    """Yield first item and end of blocks of items that are compared with all others in at most `TERMS` terms."""
    terms = ones.T @ np.diff(ones.indptr).astype(float)
    ends = terms.cumsum()
    start = 0
    while start < len(terms):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + TERMS, side="right")))
        yield start, stop
        start = stop
