"""Leave-one-out by time: each user's last row tests, the one before validates."""

import numpy as np
from numpy.typing import NDArray

from cadc.data.split.by_user import SplitByUser

MIN_ROWS = 3
"""A user with fewer rows would have none left to train on."""


class LeaveOneOutSplit(SplitByUser):
    """Each user's last row by time tests, the one before validates, all others train.

    Users with fewer than three rows stay in training. Equal times are broken by the seed.
    """

    def places(self, from_end: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.integer]:
        """Return each row's place in `SPLITS`, shape [B]; see `SplitByUser`."""
        return np.where((count >= MIN_ROWS) & (from_end < 2), 2 - from_end, 0)
