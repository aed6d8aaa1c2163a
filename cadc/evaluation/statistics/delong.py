"""DeLong's test of two AUC on the same rows."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from cadc.errors import DataError


class DeLong(NamedTuple):
    """Two correlated AUC and the test of their difference.

    Parameters
    ----------
    difference : AUC of the first minus that of the second.
    standard_error : standard error of the difference, for independent rows.
    p_value : two-sided p value of *no difference*.
    auc : AUC of both, float64, shape [2].
    covariance : their covariance, float64, shape [2, 2].
    """

    difference: float
    standard_error: float
    p_value: float
    auc: NDArray[np.float64]
    covariance: NDArray[np.float64]

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the normal interval of the difference."""
        half = float(ndtri((1 + level) / 2)) * self.standard_error
        return self.difference - half, self.difference + half


def delong(label: NDArray[np.floating], first: NDArray[np.floating], second: NDArray[np.floating]) -> DeLong:
    """Compare two AUC on the same rows in O(n log n) (DeLong et al. 1988, by the mid-ranks of Sun & Xu 2014).

    The test takes rows as independent and models as fixed, so it is overconfident where rows share users and items, and
    knows nothing of the noise of training. It is shown beside the crossed bootstrap for comparison with other work.

    Parameters
    ----------
    label : 0 or 1, shape [n].
    first, second : scores of the two models, shape [n].

    Raises
    ------
    DataError : if a class has fewer than two rows.
    """
    positive = np.asarray(label) > 0.5
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if min(n_positive, n_negative) < 2:
        raise DataError(
            f"DeLong's test needs two rows of each class; found {n_positive} positive and {n_negative} negative ones."
        )
    # Share of negatives below each positive, and of positives above each negative (Sun & Xu, equations 5 to 8).
    above, below = [], []
    for score in (first, second):
        rank = _mid_ranks(score)
        above.append((rank[positive] - _mid_ranks(score[positive])) / n_negative)
        below.append(1 - (rank[~positive] - _mid_ranks(score[~positive])) / n_positive)
    covariance = np.cov(above) / n_positive + np.cov(below) / n_negative
    auc = np.mean(above, axis=1)
    difference = float(auc[0] - auc[1])
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    # For equal scores the variance is a rounding error.
    error = float(np.sqrt(variance)) if variance > 1e-18 else 0.0
    p_value = float(2 * ndtr(-abs(difference) / error)) if error else float(difference == 0)
    return DeLong(difference, error, p_value, auc, covariance)


def _mid_ranks(score: NDArray[np.floating]) -> NDArray[np.float64]:
    # scipy.stats would take half a second of every command to import.
    return pd.Series(score).rank().to_numpy().astype(np.float64, copy=False)
