"""SVD by SciPy, with Lanczos' method, and by scikit-learn, with a random start as cadc's."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.peers.installed import missing
from benchmarks.peers.matrix import as_factors, matrix_of

if TYPE_CHECKING:
    from cadc.data.log import InteractionLog
    from cadc.factorization.factors import Factors

    Fits = dict[str, Callable[[], Factors] | str]


def fits(name: str, log: "InteractionLog", dim: int, n_passes: int, threads: int) -> "Fits":
    """Return what decomposes the same matrix, by how it is called."""
    if name != "svd":
        return {}
    from scipy.sparse.linalg import svds

    matrix = matrix_of(log)
    matrix.data[:] = 1
    # A matrix has fewer singular values than rows.
    n_values = min(dim, *(size - 1 for size in matrix.shape))

    def scipy() -> "Factors":
        left, values, right = svds(matrix, n_values)
        return as_factors(left * np.sqrt(values), right.T * np.sqrt(values))

    found: Fits = {"SciPy, svds": scipy}
    if why := missing("scikit-learn"):
        return {**found, "scikit-learn": why}
    from sklearn.utils.extmath import randomized_svd

    def sklearn() -> "Factors":
        left, values, right = randomized_svd(matrix, n_values, n_iter=4, random_state=0)
        return as_factors(left * np.sqrt(values), right.T * np.sqrt(values))

    return {**found, "scikit-learn, randomized_svd": sklearn}
