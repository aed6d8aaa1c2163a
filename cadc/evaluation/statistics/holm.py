"""Holm's correction for several tests, and the step at which it decided each."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Return p values adjusted so that rejecting those below α keeps the chance of any false rejection below α.

    The i-th smallest of m is multiplied by m - i + 1; none is below the one before it, nor above 1 (Holm 1979). No
    independence is assumed.

    Parameters
    ----------
    p : p values, shape [m]; NaN marks a test that was not made: it stays NaN and does not count.

    >>> holm([0.01, 0.04, 0.03]).round(2)
    array([0.03, 0.06, 0.06])
    """
    values = np.asarray(p, np.float64)
    adjusted = np.full(len(values), np.nan)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested])]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return adjusted


def holm_steps(p: ArrayLike, level: float) -> NDArray[np.float64]:
    """Return by how much the level was divided at the step of Holm's procedure that decided each test.

    A rejected test of m was held against level / (m - number of smaller p values); the procedure ends with the first
    test that it does not reject, whose step decides all the rest. An interval at this step's level excludes the value
    that is tested if, and only if, the test is rejected (Serlin 1993, "Confidence intervals and the scientific method:
    a case for Holm on the range").

    Parameters
    ----------
    p : p values, shape [m]; NaN marks a test that was not made: it stays NaN and does not count.
    level : significance level of the family.

    >>> holm_steps([0.01, 0.04, 0.03], level=0.05)
    array([3., 2., 2.])
    """
    values = np.asarray(p, np.float64)
    known = np.sort(values[~np.isnan(values)])
    steps = np.where(np.isnan(values), np.nan, len(known) - np.searchsorted(known, values).astype(np.float64))
    is_kept = holm(values) >= level
    return np.where(is_kept, steps[is_kept].max(initial=1.0), steps)
