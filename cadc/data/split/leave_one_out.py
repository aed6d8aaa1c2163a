"""Leave-one-out split by time: each user's last row is a test row, the one before a validation row."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.split.chronological import rows_from_the_end, users_without_test_row
from cadc.data.split.split import Split

MIN_ROWS = 3
"""Fewest rows of a user that is split; a user with fewer would have no training row."""


class LeaveOneOutSplit(Split):
    """Holds out each user's last row by time for test and the one before for validation.

    All rows of users with fewer than three rows are training rows. Rows of the same time are ordered by the seed.
    """

    needs: ClassVar[tuple[str, ...]] = ("user", "time")

    def assign(
        self, n_rows: int, generator: np.random.Generator, user: NDArray[np.int32], time: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """Return the index in `SPLITS` of each row, see `Split.assign`; `generator` orders rows of the same time."""
        place = np.zeros(n_rows, np.uint8)
        for rows, from_end, count in rows_from_the_end(user, time, generator):
            place[rows] = np.where((count >= MIN_ROWS) & (from_end < 2), 2 - from_end, 0)
        return place

    def remark(self, place: NDArray[np.uint8], user: NDArray[np.int32], time: NDArray[np.int64]) -> str:
        """Return a sentence about users without a test row, because they have too few rows; empty if there are none."""
        return users_without_test_row(place, user)
