"""Mean over seeds and its t interval."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from cadc.errors import DataError


class SeedInterval(NamedTuple):
    """Mean of a metric over seeds, with the ends of its interval, which are NaN for a single seed."""

    mean: float
    low: float
    high: float
    n_seeds: int


def seed_interval(values: ArrayLike, level: float = 0.95) -> SeedInterval:
    """Return the mean over seeds and its t interval.

    The interval is about other seeds on the same users and items. With the normal quantile instead of t, it would cover
    88 % with 5 seeds, and 81 % with 3.

    Parameters
    ----------
    values : metric of each seed, shape [n_seeds].
    level : coverage of the interval.

    Raises
    ------
    DataError : for no value, or a NaN.

    >>> interval = seed_interval([0.80, 0.81, 0.82])
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.7852, 0.8348)
    """
    array = np.asarray(values, np.float64)
    if not array.size or np.isnan(array).any():
        raise DataError(f"an interval over seeds needs at least one value, and no NaN; found {array.tolist()}.")
    mean, n_seeds = float(array.mean()), len(array)
    if n_seeds == 1:
        return SeedInterval(mean, np.nan, np.nan, 1)
    half = float(stdtrit(n_seeds - 1, (1 + level) / 2) * array.std(ddof=1) / np.sqrt(n_seeds))
    return SeedInterval(mean, mean - half, mean + half, n_seeds)
