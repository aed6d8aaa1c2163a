"""Brier score."""

import numpy as np
from numpy.typing import NDArray

from cadc.evaluation.metrics.metric import RowMetric


class BrierScore(RowMetric):
    """Mean squared error of the probability of label 1.

    (p - y)² averaged over rows (Brier 1950, "Verification of forecasts expressed in terms of probability", for two
    classes, of which one is counted). Like logloss it is least in expectation for the true probability, but an error
    never costs more than 1.
    """

    name = "brier"
    label = "Brier score"
    higher_is_better = False
    bounds = (0.0, 1.0)

    def by_row(self, label: NDArray[np.floating], probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the squared error of each row.

        >>> BrierScore().by_row(np.array([0.0, 1.0]), np.array([0.5, 0.75]))
        array([0.25  , 0.0625])
        """
        return np.square(np.asarray(label, np.float64) - probability)
