"""AUC under many bootstrap multiplicities of the users at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class WeightedAUC:
    """AUC as a function of how often each user counts: rows are sorted once, each replicate is a cumulative sum.

    With w the multiplicity of a row's user, AUC(w) is the sum over pairs of w_positive w_negative (1 where the positive
    row is above, 1/2 where tied), over the sum of all such products: exactly the AUC of the rows written out w times.

    Parameters
    ----------
    label : 0 or 1, shape [n].
    score : any real numbers, shape [n].
    unit : number of each row's user, integers from 0, shape [n].
    """

    def __init__(self, label: NDArray[np.floating], score: NDArray[np.floating], unit: NDArray[np.integer]) -> None:
        positive = np.asarray(label) > 0.5
        order = np.argsort(score[~positive])
        negative_score = score[~positive][order]
        self.negative_unit = unit[~positive][order]
        # Positives in the order of their scores read the cumulative sums from left to right.
        order = np.argsort(score[positive])
        positive_score = score[positive][order]
        self.positive_unit = unit[positive][order]
        self.n_below = np.searchsorted(negative_score, positive_score, side="left")
        n_below_or_equal = np.searchsorted(negative_score, positive_score, side="right")
        self.tied = np.flatnonzero(n_below_or_equal != self.n_below)
        self.n_below_or_equal = n_below_or_equal[self.tied]

    def __call__(self, multiplicity: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Return the AUC of every replicate, float64, shape [b]; NaN where one drew a single class.

        Parameters
        ----------
        multiplicity : of every user, integers, shape [b, n_units].
        """
        n_replicates = len(multiplicity)
        # Whole numbers are exact in any order of summation, and int32 is fastest; no split comes near its limit.
        cumulative = np.zeros((n_replicates, len(self.negative_unit) + 1), np.int32)
        drawn = np.take(multiplicity, self.negative_unit, axis=1)
        np.cumsum(drawn, axis=1, out=cumulative[:, 1:])
        weight = np.take(multiplicity, self.positive_unit, axis=1).astype(np.float64)
        above = np.einsum("bi,bi->b", weight, np.take(cumulative, self.n_below, axis=1))
        if len(self.tied):
            equal = np.take(cumulative, self.n_below_or_equal, axis=1)
            equal -= np.take(cumulative, self.n_below[self.tied], axis=1)
            above += np.einsum("bi,bi->b", weight[:, self.tied], equal) / 2
        n_pairs = weight.sum(axis=1) * cumulative[:, -1]
        return np.divide(above, n_pairs, out=np.full(n_replicates, np.nan), where=n_pairs > 0)
