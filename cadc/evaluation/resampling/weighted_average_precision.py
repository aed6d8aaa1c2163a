"""Average precision under many draws of the users at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class WeightedAveragePrecision:
    """Average precision as a function of how often each user counts: rows are sorted once.

    With w the multiplicity of a row's user, it is the mean over positive rows, weighted by w, of the precision among
    all rows that score as high or higher, each counted w times: exactly the average precision of the rows written out
    w times.

    Parameters
    ----------
    label : 0 or 1, shape [n].
    score : any real numbers, shape [n].
    unit : number of each row's user, integers from 0, shape [n].
    """

    def __init__(self, label: NDArray[np.floating], score: NDArray[np.floating], unit: NDArray[np.integer]) -> None:
        order = np.argsort(-score, kind="stable")
        ordered = score[order]
        self.unit, self.positive = unit[order], np.asarray(label)[order] > 0.5
        # Tied rows are retrieved together, so each reads the sums at the last row of its tie.
        ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
        self.last = ends[np.searchsorted(ends, np.flatnonzero(self.positive))]

    def __call__(self, multiplicity: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Return the average precision of every replicate, float64, shape [b]; NaN where one drew no positive row.

        Parameters
        ----------
        multiplicity : of every user, integers, shape [b, n_units].
        """
        weight = np.take(multiplicity, self.unit, axis=1).astype(np.float64)
        n_retrieved = np.take(weight.cumsum(axis=1), self.last, axis=1)
        n_found = np.take(np.cumsum(weight * self.positive, axis=1), self.last, axis=1)
        # Where nothing is retrieved, the positive rows themselves have no weight.
        precision = np.divide(n_found, n_retrieved, out=np.zeros_like(n_found), where=n_retrieved > 0)
        own = weight[:, self.positive]
        total, n_positive = np.einsum("bi,bi->b", own, precision), own.sum(axis=1)
        return np.divide(total, n_positive, out=np.full(len(weight), np.nan), where=n_positive > 0)
