"""The default transform: standardised where that keeps a column's information, ranks elsewhere."""

import numpy as np
from numpy.typing import NDArray

from cadc.data.transform.curve import Curve
from cadc.data.transform.rank import RankTransform, normal_scores
from cadc.data.transform.standard import StandardTransform, mean_and_std
from cadc.data.transform.transform import DenseTransform
from cadc.errors import UsageError


class AutoTransform(DenseTransform):
    """Standardises the columns that are close to normal, and takes the normal scores of ranks of all others.

    A column is close to normal if both hold in the training part:

    - no value is farther than ten standard deviations from the mean;
    - the squared correlation of the values with their normal scores, W' of Shapiro and Francia (1972), is at least
      `normality`. It is 1 for normal columns and for those of two values, 0.96 for uniform ones, 0.82 for exponential
      ones, 0.58 for log-normal ones, and near 0 where single values or clusters drown the others.

    A standardised column keeps its line beyond the training part, up to ten standard deviations, as times need that are
    later than all training rows. A column of one value becomes 0.

    Parameters
    ----------
    normality : least W' of a column that is standardised, in [0, 1].
    """

    def __init__(self, normality: float = 0.9) -> None:
        if not 0 <= normality <= 1:
            raise UsageError(f"data.transform.normality is {normality}; it must be a number from 0 to 1.")
        self.normality = normality

    def fit(self, values: NDArray[np.float64]) -> Curve:
        """Return a linear curve or one through normal scores, see `DenseTransform.fit`."""
        linear = StandardTransform().fit(values)
        if linear.is_constant:
            return linear
        unlimited = Curve(centre=linear.centre, scale=linear.scale)
        assert linear.limit is not None
        if np.abs(unlimited(values)).max() <= linear.limit and shapiro_francia(values) >= self.normality:
            return linear
        return RankTransform().fit(values)


def shapiro_francia(values: NDArray[np.float64]) -> float:
    """Return the squared correlation of values, which are not all equal, with their normal scores.

    >>> round(shapiro_francia(np.arange(1000.0)), 2), round(shapiro_francia(np.append(np.arange(1000.0), 1e30)), 2)
    (0.96, 0.01)
    """
    found, scores, counts = normal_scores(values)
    mean, std = mean_and_std(values)
    share = counts / len(values)
    centred = scores - share @ scores
    covariance = share @ (centred * ((found - mean) / std))
    return float(covariance**2 / (share @ centred**2))
