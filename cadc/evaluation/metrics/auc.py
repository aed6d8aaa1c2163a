"""Area under the ROC curve."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.errors import DataError
from cadc.evaluation.metrics.metric import Metric, Resampled, label_and_probability
from cadc.evaluation.resampling.weighted_auc import WeightedAUC


class AUC(Metric):
    """Area under the ROC curve of all saved scores."""

    name = "auc"
    label = "AUC"
    task = "ctr"
    higher_is_better = True
    bounds = (0.0, 1.0)
    columns = ("label", "probability")

    def value(self, rows: pd.DataFrame) -> float:
        """Return the AUC of all rows."""
        return auc(*label_and_probability(rows))

    def resample(self, rows: pd.DataFrame, unit: NDArray[np.integer], n_units: int) -> Resampled:
        """Return the AUC as a function of how often each unit is drawn."""
        return WeightedAUC(*label_and_probability(rows), unit)


def auc(label: NDArray[np.floating], score: NDArray[np.floating]) -> float:
    """Return the share of (positive, negative) pairs that the scores put in the right order; ties count half.

    Computed as the Mann-Whitney statistic (Hanley & McNeil 1982).

    Parameters
    ----------
    label : 0 or 1, shape [n].
    score : any real numbers, shape [n].

    Raises
    ------
    DataError : where all labels are of one class, or a score is NaN, since AUC is undefined then.

    >>> auc(np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.2, 0.9]))
    0.75
    """
    positive = label > 0.5
    n_positive = int(positive.sum())
    n_negative = len(label) - n_positive
    if n_positive == 0 or n_negative == 0:
        raise DataError(f"AUC is undefined: all {len(label)} labels are {'1' if n_positive else '0'}.")
    if n_missing := int(np.isnan(score).sum()):
        raise DataError(f"AUC is undefined: {n_missing} of {len(score)} scores are NaN.")
    # Two sorts of values and a merge are several times faster than the order of all scores.
    below = np.sort(score[~positive])
    above = np.sort(score[positive])
    # Pairs in the right order count twice here, and ties once: whole numbers, so that nothing is rounded.
    twice = np.searchsorted(below, above, "left").sum() + np.searchsorted(below, above, "right").sum()
    return float(twice / 2 / (n_positive * n_negative))
