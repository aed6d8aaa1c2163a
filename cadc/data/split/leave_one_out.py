"""Leave-one-out by time: each user's last row tests, the one before validates."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.split.chronological import rows_from_the_end, users_without_test_row
from cadc.data.split.split import Split

MIN_ROWS = 3
"""A user with fewer rows would have none left to train on."""


class LeaveOneOutSplit(Split):
    """Each user's last row by time tests, the one before validates, all others train.

    Users with fewer than three rows stay in training. Equal times are broken by the seed.
    """

    needs: ClassVar[tuple[str, ...]] = ("user", "time")

    def assign(
        self, n_rows: int, generator: np.random.Generator, user: NDArray[np.int32], time: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """Return each row's place in `SPLITS`, uint8, shape [n_rows].

        Parameters
        ----------
        n_rows : length of the columns.
        generator : breaks ties.
        user, time : columns of the log, shape [n_rows]; they may be memory-mapped.
        """
        place = np.zeros(n_rows, np.uint8)
        for rows, from_end, count in rows_from_the_end(user, time, generator):
            place[rows] = np.where((count >= MIN_ROWS) & (from_end < 2), 2 - from_end, 0)
        return place

    def remark(self, place: NDArray[np.uint8], user: NDArray[np.int32], time: NDArray[np.int64]) -> str:
        """Return how many users stay in training because they have too few rows; empty where there are none."""
        return users_without_test_row(place, user)
