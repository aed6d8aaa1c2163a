"""Ridge regression from sparse features to vectors, weighted by row (Hoerl and Kennard 1970)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from cadc.embeddings.fitting.conjugate_gradients import conjugate_gradients


def ridge(
    features: csr_array, targets: NDArray[np.float64], weights: NDArray[np.float64], l2: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return B and c that minimise Σ_i w_i·|t_i - x_i·B - c|² + l2·|B|²; the intercept c has no penalty.

    Solved by conjugate gradients on the normal equations, all columns of B at once, so that the features are never
    dense: a step takes as long as a look at all of them.

    Parameters
    ----------
    features : x, shape [n, p].
    targets : t, shape [n, k].
    weights : w, not negative and not all zero, shape [n].
    l2 : above 0.

    Returns
    -------
    coefficients : B, float64, shape [p, k].
    intercept : c, float64, shape [k].
    """
    share = weights / weights.sum()
    mean_target, mean_features = share @ targets, features.T @ share
    weighted = (diags_array(weights) @ features).tocsr()
    gram = (features.T @ weighted).tocsr()

    def normal(b: NDArray[Any]) -> NDArray[Any]:
        """Apply Xᵀ·W·X + l2 of the centred features."""
        product: NDArray[Any] = gram @ b + l2 * b - weights.sum() * np.outer(mean_features, mean_features @ b)
        return product

    right = weighted.T @ (targets - mean_target)
    scale = np.sqrt(gram.diagonal() - weights.sum() * mean_features**2 + l2)[:, None]
    found = conjugate_gradients(lambda b: normal(b / scale) / scale, right / scale) / scale
    return found, mean_target - mean_features @ found
