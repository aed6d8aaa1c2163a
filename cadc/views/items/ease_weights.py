"""EASE: weights between items in closed form, from what all users have in common (Steck, WWW 2019)."""

import os

import torch
from scipy.sparse import csr_array
from torch import Tensor

from cadc.errors import CadcError, MachineTrouble

BLOCK = 1 << 10
"""Rows of the Gram matrix that are made at once, so that it is never there twice."""


def ease_weights(interactions: csr_array, l2: float) -> Tensor:
    """Return the weights B that minimise |X - X B|² + l2 |B|² under diag(B) = 0 (eq. 1 and 8).

    With P = (XᵀX + l2 I)⁻¹, B_ij = -P_ij / P_jj. The inverse takes the place of the Gram matrix: there is one array of
    n² numbers, and the time grows with n³.

    Parameters
    ----------
    interactions : X, one row for each user, float32, shape [n_users, n]: 0 and 1, or numbers such as residuals.
    l2 : penalty on the squared weights, above 0; scale it with the square of the numbers in X.

    Returns
    -------
    weights : float32, shape [n, n]; the scores of a user are x B, so that column j holds the weights towards item j.

    Raises
    ------
    MachineTrouble : if the memory of the machine does not hold n² numbers.
    CadcError : if the penalty is too low to invert the matrix in float32.

    Examples
    --------
    Whoever took the first of three items took the second, too:

    >>> interactions = csr_array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype="float32")
    >>> ease_weights(interactions, l2=1.0).round(decimals=2)
    tensor([[0.0000, 0.6700, 0.0000],
            [0.6700, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.0000]])
    """
    n = interactions.shape[1]
    _require_memory(n)
    weights = torch.empty(n, n)
    transposed = interactions.T.tocsr()
    for start in range(0, n, BLOCK):
        weights[start : start + BLOCK] = torch.from_numpy((transposed[start : start + BLOCK] @ interactions).toarray())
    weights.diagonal().add_(l2)
    # LAPACK takes matrices by columns, and inverts in place what it is given so; it makes no difference here.
    by_columns = weights.T
    failed = torch.empty((), dtype=torch.int32)
    torch.linalg.cholesky_ex(by_columns, out=(by_columns, failed))
    if failed:
        raise CadcError(
            f"the matrix of {n} items cannot be inverted with the penalty l2 = {l2:g}; expected a penalty that is high "
            "enough to tell it from a singular one: raise it."
        )
    torch.cholesky_inverse(by_columns, out=by_columns)
    weights /= -weights.diagonal().clone()
    weights.fill_diagonal_(0.0)
    return weights


def _require_memory(n: int) -> None:
    """Raise a MachineTrouble if n² numbers do not fit into the memory of the machine."""
    needed, there = 4 * n * n, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise MachineTrouble(
            f"EASE needs {needed / 1e9:.1f} GB of memory for the {n} items of this log; found {there / 1e9:.1f} GB. "
            "Take another machine, or a method that does not weigh all pairs of items, such as factorization=als."
        )
