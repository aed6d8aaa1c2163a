"""Expected calibration error."""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.errors import DataError
from cadc.evaluation.metrics.metric import Metric, label_and_probability

Bins = Literal["mass", "width"]


class CalibrationError(Metric):
    """Expected calibration error over 15 bins of equal mass.

    It falls with the number of rows, also for a calibrated model, so neither strata of different sizes nor draws of
    users, which hold rows twice, can be compared by it.
    """

    name = "ece"
    label = "calibration error"
    task = "ctr"
    higher_is_better = False
    bounds = (0.0, 1.0)
    columns = ("label", "probability")
    is_comparable = False

    def value(self, rows: pd.DataFrame) -> float:
        """Return the calibration error of all rows."""
        return expected_calibration_error(*label_and_probability(rows))


def expected_calibration_error(
    label: NDArray[np.floating], probability: NDArray[np.float64], n_bins: int = 15, bins: Bins = "mass"
) -> float:
    """Return the mean distance between predicted probability and observed share, over bins weighted by their rows.

    sum_b n_b / n |mean label of b - mean probability of b| (Naeini et al. 2015; Guo et al. 2017, equation 3, here for
    the probability of label 1). A finite sample makes it positive for a perfectly calibrated model too, so values are
    comparable only for equal numbers of rows and bins.

    Parameters
    ----------
    label : 0 or 1, shape [n].
    probability : of label 1, float64, shape [n].
    n_bins : at least 1.
    bins : `mass` (the default) gives bins the same number of rows, as far as ties allow; rare labels would leave most
        bins of equal `width` empty.

    Raises
    ------
    DataError : for no rows, or a probability outside [0, 1], NaN included.

    >>> expected_calibration_error(np.array([0.0, 1.0, 1.0, 1.0]), np.array([0.25, 0.25, 0.75, 0.75]), n_bins=2)
    0.25
    """
    if not len(probability) or not ((probability >= 0) & (probability <= 1)).all():
        raise DataError("the calibration error needs at least one row, and probabilities between 0 and 1.")
    number = equal_mass_bins(probability, n_bins) if bins == "mass" else equal_width_bins(probability, n_bins)
    # A bin's rows over all rows cancel against those of its means.
    excess = np.bincount(number, np.asarray(label, np.float64) - probability, minlength=n_bins)
    return float(np.abs(excess).sum() / len(probability))


def equal_width_bins(probability: NDArray[np.float64], n_bins: int) -> NDArray[np.int64]:
    """Return the bin of each row: [0, 1/n), [1/n, 2/n), …, [1 - 1/n, 1], int64, shape [n]."""
    edges = np.linspace(0, 1, n_bins + 1)
    return np.searchsorted(edges[1:-1], probability, side="right")


def equal_mass_bins(probability: NDArray[np.float64], n_bins: int) -> NDArray[np.int64]:
    """Return the bin of each row by its rank, int64, shape [n]; tied rows share the bin of their first."""
    rank = np.searchsorted(np.sort(probability), probability, side="left")
    return rank * n_bins // len(probability)
