"""Truncated singular value decomposition of sparse matrices by random projection."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

OVERSAMPLING = 10
"""Columns beyond the wanted rank, which make the last wanted ones exact too."""


def truncated_svd(
    matrix: csr_array, rank: int, n_iterations: int, generator: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return the leading singular triplets U, s, V (Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1).

    Parameters
    ----------
    matrix : float32, shape [m, n].
    rank : number of triplets; those beyond min(m, n) are zero.
    n_iterations : power iterations of two products with the matrix each; more of them are more exact.
    generator : draws the random projection.

    Returns
    -------
    left : orthonormal columns, shape [m, rank].
    values : descending, shape [rank].
    right : orthonormal columns, shape [n, rank].
    """
    found = min(rank, *matrix.shape)
    width = min(found + OVERSAMPLING, *matrix.shape)
    transposed = matrix.T.tocsr()
    basis = np.linalg.qr(matrix @ generator.standard_normal((matrix.shape[1], width), dtype=np.float32))[0]
    for _ in range(n_iterations):
        other = np.linalg.qr(transposed @ basis)[0]
        basis = np.linalg.qr(matrix @ other)[0]
    right, values, turned = np.linalg.svd(transposed @ basis, full_matrices=False)
    missing = ((0, 0), (0, rank - found))
    return (
        np.pad((basis @ turned.T)[:, :found], missing),
        np.pad(values[:found], missing[1]),
        np.pad(right[:, :found], missing),
    )
