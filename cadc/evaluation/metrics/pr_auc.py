"""Area under the precision-recall curve, as average precision."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.errors import DataError
from cadc.evaluation.metrics.metric import Metric, Resampled, label_and_probability
from cadc.evaluation.resampling.weighted_average_precision import WeightedAveragePrecision


class PrecisionRecallAUC(Metric):
    """Average precision of all saved scores."""

    name = "pr_auc"
    label = "PR-AUC"
    task = "ctr"
    higher_is_better = True
    bounds = (0.0, 1.0)
    columns = ("label", "probability")

    def value(self, rows: pd.DataFrame) -> float:
        """Return the average precision of all rows."""
        return average_precision(*label_and_probability(rows))

    def resample(self, rows: pd.DataFrame, unit: NDArray[np.integer], n_units: int) -> Resampled:
        """Return the average precision as a function of how often each unit is drawn."""
        return WeightedAveragePrecision(*label_and_probability(rows), unit)


def average_precision(label: NDArray[np.floating], score: NDArray[np.floating]) -> float:
    """Return Σ_k (R_k - R_{k-1}) P_k over the distinct scores in descending order.

    P_k and R_k are precision and recall of the rows that score at least the k-th. No line is drawn between points of
    the curve, which would be too optimistic (Davis & Goadrich 2006); tied rows are retrieved together, as scikit-learn
    does. Scores that tell nothing reach the share of positive rows.

    Parameters
    ----------
    label : 0 or 1, shape [n].
    score : any real numbers, shape [n].

    Raises
    ------
    DataError : where no label is 1, since recall is undefined then.

    >>> round(average_precision(np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.2, 0.9])), 4)
    0.8333
    """
    positive = label > 0.5
    n_positive = int(positive.sum())
    if n_positive == 0:
        raise DataError(f"average precision is undefined: none of {len(label)} labels is 1.")
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    n_found = np.cumsum(positive[order])[last]
    precision = n_found / (last + 1)
    return float((np.diff(n_found, prepend=0) * precision).sum() / n_positive)
