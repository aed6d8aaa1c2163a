"""Mean binary cross-entropy."""

import numpy as np
from numpy.typing import NDArray


def logloss(label: NDArray[np.floating], probability: NDArray[np.float64]) -> float:
    """Return the mean of -log of the probability given to what happened, in nats.

    Probabilities of exactly 0 and 1 are moved inside by the spacing of float64, as scikit-learn does.

    Parameters
    ----------
    label : 0 or 1, shape [n].
    probability : of label 1, float64, shape [n].

    >>> round(logloss(np.array([0.0, 1.0]), np.array([0.5, 0.25])), 4)
    1.0397
    """
    spacing = np.finfo(np.float64).eps
    inside = np.clip(probability, spacing, 1 - spacing)
    return float(-np.mean(np.where(label > 0.5, np.log(inside), np.log1p(-inside))))
