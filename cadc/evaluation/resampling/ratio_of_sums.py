"""Metrics that are a sum over users divided by another, under many draws of the users at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class RatioOfSums:
    """sum_u w_u a_u / sum_u w_u b_u as a function of the multiplicities w.

    Logloss is one (a: summed losses, b: rows), so are GAUC (a: rows times AUC, b: rows, of users with both classes) and
    every ranking metric (a: the user's value, b: 1).

    Parameters
    ----------
    numerator, denominator : a and b of every user, float64, shape [n_units].
    """

    def __init__(self, numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> None:
        self.columns = np.stack([numerator, denominator], axis=1)

    def __call__(self, multiplicity: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Return the metric of every replicate, float64, shape [b]; NaN where the denominator is 0.

        Parameters
        ----------
        multiplicity : of every user, integers, shape [b, n_units].
        """
        above, below = (multiplicity.astype(np.float64) @ self.columns).T
        return np.divide(above, below, out=np.full(len(above), np.nan), where=below != 0)
