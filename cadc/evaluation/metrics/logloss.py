"""Mean binary cross-entropy."""

import numpy as np
from numpy.typing import NDArray

from cadc.evaluation.metrics.metric import RowMetric


class LogLoss(RowMetric):
    """Mean binary cross-entropy of all saved scores, in nats."""

    name = "logloss"
    label = "logloss"
    higher_is_better = False
    bounds = (0.0, -float(np.log(np.finfo(np.float64).eps)))

    def by_row(self, label: NDArray[np.floating], probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the cross-entropy of each row."""
        return cross_entropy(label, probability)


def logloss(label: NDArray[np.floating], probability: NDArray[np.float64]) -> float:
    """Return the mean of `cross_entropy` over rows, in nats.

    Parameters
    ----------
    label : 0 or 1, shape [n].
    probability : of label 1, float64, shape [n].

    >>> round(logloss(np.array([0.0, 1.0]), np.array([0.5, 0.25])), 4)
    1.0397
    """
    return float(np.mean(cross_entropy(label, probability)))


def cross_entropy(label: NDArray[np.floating], probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return -log of the probability given to the label of each row, in nats, float64, shape [n].

    Probabilities of exactly 0 and 1 are moved inside by the spacing of float64, as scikit-learn does.

    Parameters
    ----------
    label : 0 or 1, shape [n].
    probability : of label 1, float64, shape [n].
    """
    spacing = np.finfo(np.float64).eps
    inside = np.clip(probability, spacing, 1 - spacing)
    loss: NDArray[np.float64] = -np.where(label > 0.5, np.log(inside), np.log1p(-inside))
    return loss
