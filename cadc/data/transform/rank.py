"""Ranks: the quantile of a value in the training part, as a normal score."""

import numpy as np
from numpy.typing import NDArray

from cadc.data.transform.curve import Curve
from cadc.data.transform.transform import DenseTransform
from cadc.errors import require_at_least


class RankTransform(DenseTransform):
    """Maps a value to Φ⁻¹ of its mid-rank in the training part (van der Waerden 1952), whatever the distribution.

    A value's mid-rank is the share of smaller training values plus half the share of equal ones. With more different
    values than `knots`, those between two knots are interpolated. Values below and above the training part get the
    score of its smallest and largest value. A column of one value becomes 0.

    Parameters
    ----------
    knots : most points at which the curve is kept; they lie evenly in the score, and closely around frequent values.
    """

    def __init__(self, knots: int = 1000) -> None:
        require_at_least(4, "data.transform", knots=knots)
        self.knots = knots

    def fit(self, values: NDArray[np.float64]) -> Curve:
        """Return a curve through the normal scores, see `DenseTransform.fit`."""
        found, scores, _ = normal_scores(values)
        if len(found) > self.knots:
            # Of each target the values on both sides stay, so that a frequent value has its neighbours as knots.
            above = np.searchsorted(scores, np.linspace(scores[0], scores[-1], self.knots // 2))
            kept = np.unique(np.concatenate([above, above - 1]).clip(0, len(found) - 1))
            found, scores = found[kept], scores[kept]
        return Curve.through(found, scores)


def normal_scores(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the different values, ascending, with their normal scores and counts, shape [m] each.

    >>> found, scores, counts = normal_scores(np.array([5.0, 1.0, 5.0, 9.0]))
    >>> found.tolist(), scores.round(2).tolist(), counts.tolist()
    ([1.0, 5.0, 9.0], [-1.15, 0.0, 1.15], [1, 2, 1])
    """
    from scipy.special import ndtri  # which logs without dense columns need not wait for

    found, counts = np.unique(values, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / len(values)
    return found, np.asarray(ndtri(middle)), counts
