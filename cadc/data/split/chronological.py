"""Per-user chronological split: what a user did last is held out."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.split.random import RandomSplit
from cadc.data.split.split import Split

BLOCK_ROWS = 1 << 22


class ChronologicalSplit(Split):
    """The last rows of each user by time: the last share tests, the share before it validates.

    A user of n rows has round(test · n) of them in the test part and round(validation · n) in the validation part;
    the first row always trains, so that small users are no cold starts. Equal times are broken by the seed.

    Parameters
    ----------
    validation, test : shares of each user's rows, each in (0, 1); training keeps the rest.
    """

    needs: ClassVar[tuple[str, ...]] = ("user", "time")

    def __init__(self, validation: float = 0.1, test: float = 0.1) -> None:
        RandomSplit(validation, test)  # the same shares are refused
        self.validation = validation
        self.test = test

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
            n_test = np.minimum(np.rint(self.test * count), count - 1)
            n_validation = np.minimum(np.rint(self.validation * count), count - 1 - n_test)
            place[rows] = np.select([from_end < n_test, from_end < n_test + n_validation], [2, 1], 0)
        return place

    def remark(self, place: NDArray[np.uint8], user: NDArray[np.int32], time: NDArray[np.int64]) -> str:
        """Return how many users have no test row because they have too few rows; empty where there are none."""
        return users_without_test_row(place, user)


def rows_from_the_end(
    user: NDArray[np.int32], time: NDArray[np.int64], generator: np.random.Generator
) -> Iterator[tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield rows in blocks of whole users, each row with its place in its user's history.

    Beside the columns, only an order of the rows and one block are in memory.

    Yields
    ------
    rows : row numbers, shape [B].
    from_end : rows of the same user that come later, int64, shape [B]; equal times are in random order.
    count : rows of the same user, int64, shape [B].
    """
    by_user = np.argsort(user, kind="stable").astype(np.uint32 if len(user) < 2**32 else np.int64)
    counts = np.bincount(user)
    ends = np.cumsum(counts)
    first_user = first_row = 0
    while first_row < len(user):
        # As many whole users as fit into a block, and at least one.
        last_user = max(first_user + 1, int(np.searchsorted(ends, first_row + BLOCK_ROWS, side="right")))
        block = by_user[first_row : ends[last_user - 1]]
        of_block = user[block]
        order = np.lexsort((generator.random(len(block)), time[block], of_block))
        count, end = counts[of_block], ends[of_block] - first_row
        yield block[order], end - 1 - np.arange(len(block)), count
        first_user, first_row = last_user, int(ends[last_user - 1])


def users_without_test_row(place: NDArray[np.uint8], user: NDArray[np.int32]) -> str:
    """Say how many users have training rows alone; empty where there are none."""
    rows, tested = np.bincount(user), np.bincount(user[place == 2], minlength=int(user.max()) + 1)
    n_users, n_left = int((rows > 0).sum()), int(((rows > 0) & (tested == 0)).sum())
    if n_left == 0:
        return ""
    return f"{n_left:,} of {n_users:,} users have too few rows for one in the test part; all of theirs stay in training"
