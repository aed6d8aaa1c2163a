"""Holm's correction for several tests."""

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
