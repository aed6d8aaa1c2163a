"""Standardisation: mean 0 and standard deviation 1 in the training part."""

import math

import numpy as np
from numpy.typing import NDArray

from cadc.data.transform.curve import Curve
from cadc.data.transform.transform import DenseTransform
from cadc.errors import UsageError


class StandardTransform(DenseTransform):
    """Subtracts the mean of the training part and divides by its standard deviation.

    A column of one value becomes 0.

    Parameters
    ----------
    limit : largest size of the result, in standard deviations; what lies beyond is set to it.
    """

    def __init__(self, limit: float = 10.0) -> None:
        if not 1 <= limit < math.inf:
            raise UsageError(f"data.transform.limit is {limit}; it must be a finite number of at least 1.")
        self.limit = limit

    def fit(self, values: NDArray[np.float64]) -> Curve:
        """Return a linear curve, see `DenseTransform.fit`."""
        if half_range(values) < np.finfo(np.float64).tiny:
            return Curve.constant(float(values[0]))
        mean, std = mean_and_std(values)
        return Curve(centre=mean, scale=std, limit=self.limit)


def mean_and_std(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and standard deviation (divided by n) of values that are not all equal, of any size and offset.

    >>> mean_and_std(np.array([1e300, 3e300])), mean_and_std(np.array([1e15 + 1, 1e15 + 3]))
    ((2e+300, 1e+300), (1000000000000002.0, 1.0))
    """
    # In units of the range around a value of the column, squares neither overflow nor lose what differs.
    half = half_range(values)
    origin = values.min() / 2 + values.max() / 2
    scaled = (values - origin) / half
    mean = scaled.mean()
    std = np.sqrt(np.square(scaled - mean).mean())
    return float(origin + half * mean), float(half * std)


def half_range(values: NDArray[np.float64]) -> float:
    """Return half the difference of the largest and the smallest value, which is always finite."""
    return float(values.max() / 2 - values.min() / 2)
