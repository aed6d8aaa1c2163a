"""Chronological split of each user's rows: the latest ones are held out."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.grouping import counts_of, grouped_order
from cadc.data.split.random import RandomSplit
from cadc.data.split.split import Split

BLOCK_ROWS = 1 << 20


class ChronologicalSplit(Split):
    """Holds out the latest rows of each user: the last share for test, the share before it for validation.

    A user with n rows has round(test · n) of them in the test part and round(validation · n) in the validation part.
    The first row is always a training row, so that users with few rows are not cold. Rows of the same time are
    ordered by the seed.

    Parameters
    ----------
    validation, test : shares of each user's rows, each in (0, 1); training keeps the rest.
    """

    needs: ClassVar[tuple[str, ...]] = ("user", "time")

    def __init__(self, validation: float = 0.1, test: float = 0.1) -> None:
        RandomSplit(validation, test)  # checks the shares
        self.validation = validation
        self.test = test

    def assign(
        self, n_rows: int, generator: np.random.Generator, user: NDArray[np.int32], time: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """Return the index in `SPLITS` of each row, see `Split.assign`; `generator` orders rows of the same time."""
        place = np.zeros(n_rows, np.uint8)
        for rows, from_end, count in rows_from_the_end(user, time, generator):
            n_test = np.minimum(np.rint(self.test * count), count - 1)
            n_validation = np.minimum(np.rint(self.validation * count), count - 1 - n_test)
            place[rows] = np.select([from_end < n_test, from_end < n_test + n_validation], [2, 1], 0)
        return place

    def remark(self, place: NDArray[np.uint8], user: NDArray[np.int32], time: NDArray[np.int64]) -> str:
        """Return a sentence about users without a test row, because they have too few rows; empty if there are none."""
        return users_without_test_row(place, user)


def rows_from_the_end(
    user: NDArray[np.int32], time: NDArray[np.int64], generator: np.random.Generator
) -> Iterator[tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield all rows in blocks of whole users, each row with its position in its user's history.

    Only the order of the rows and one block are in memory beside the columns.

    Parameters
    ----------
    user, time : columns of the log, shape [n_rows].
    generator : orders rows of the same user and time.

    Yields
    ------
    rows : row numbers, shape [B].
    from_end : number of later rows of the same user, int64, shape [B].
    count : number of rows of the same user, int64, shape [B].
    """
    counts = counts_of(user)
    by_user = grouped_order(user, counts)
    ends = np.cumsum(counts)
    first_user = first_row = 0
    while first_row < len(user):
        # As many whole users as fit into a block, but at least one.
        last_user = max(first_user + 1, int(np.searchsorted(ends, first_row + BLOCK_ROWS, side="right")))
        block = by_user[first_row : ends[last_user - 1]]
        of_block = user[block]
        order = np.lexsort((generator.random(len(block)), time[block], of_block))
        count, end = counts[of_block], ends[of_block] - first_row
        yield block[order], end - 1 - np.arange(len(block)), count
        first_user, first_row = last_user, int(ends[last_user - 1])


def users_without_test_row(place: NDArray[np.uint8], user: NDArray[np.int32], units: str = "rows") -> str:
    """Return a sentence about users who have training rows only, for too few units; empty if there are none."""
    rows = counts_of(user)
    tested = counts_of(user[place == 2], len(rows))
    n_users, n_left = int((rows > 0).sum()), int(((rows > 0) & (tested == 0)).sum())
    if n_left == 0:
        return ""
    return f"{n_left:,} of {n_users:,} users have too few {units} for a test row; all their rows are training rows"
