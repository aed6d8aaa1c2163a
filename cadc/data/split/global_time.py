"""Global time split: train on the past, test on the future."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.grouping import counts_of
from cadc.data.split.random import RandomSplit
from cadc.data.split.split import Split
from cadc.errors import DataError


class GlobalTimeSplit(Split):
    """Holds out the latest rows of the log: the last share for test, the share before it for validation.

    Rows of the same time at a boundary are divided at random, so that the shares are met exactly.

    Parameters
    ----------
    validation, test : shares of the rows, each in (0, 1); training keeps the rest.
    """

    needs: ClassVar[tuple[str, ...]] = ("time",)
    takes: ClassVar[tuple[str, ...]] = ("user",)

    def __init__(self, validation: float = 0.1, test: float = 0.1) -> None:
        RandomSplit(validation, test)  # checks the shares
        self.validation = validation
        self.test = test

    def assign(
        self,
        n_rows: int,
        generator: np.random.Generator,
        time: NDArray[np.int64],
        user: NDArray[np.int32] | None = None,
    ) -> NDArray[np.uint8]:
        """Return the index in `SPLITS` of each row, see `Split.assign`.

        Raises
        ------
        DataError : if all times are equal, or the times number each user's own rows.
        """
        require_clock(user, time, "the log cannot be split at a point in time; choose data/split=chronological.")
        n_validation, n_test = round(self.validation * n_rows), round(self.test * n_rows)
        held_out = latest(time, n_validation + n_test, generator)
        place = np.zeros(n_rows, np.uint8)
        place[held_out] = 1
        place[held_out[latest(time[held_out], n_test, generator)]] = 2
        return place


def require_clock(user: NDArray[np.int32] | None, time: NDArray[np.int64], otherwise: str) -> None:
    """Raise a DataError for times that are not of a clock that users share, or that are all equal.

    Parameters
    ----------
    user, time : of each row, shape [n]; None for a log without users, whose times are taken as they are.
    otherwise : what does not work with each user's own numbers, and what to do.
    """
    if user is not None and counts_own_rows(user, time):
        raise DataError(
            "the times number each user's own rows instead of telling the time on a clock that users share, so "
            f"{otherwise}"
        )
    if len(time) and time.min() == time.max():
        raise DataError("all rows have the same time, so no row is later than another; choose data/split=random.")


def latest(time: NDArray[np.int64], n: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return the numbers of the n latest rows in any order, shape [n], without sorting all rows.

    Parameters
    ----------
    time : time of each row, at least n of them.
    n : number of rows.
    generator : chooses among rows of the same time.
    """
    if n == 0:
        return np.empty(0, np.intp)
    boundary = np.partition(time, len(time) - n)[len(time) - n]
    later, equal = np.flatnonzero(time > boundary), np.flatnonzero(time == boundary)
    return np.concatenate([later, generator.choice(equal, n - len(later), replace=False, shuffle=False)])


def counts_own_rows(user: NDArray[np.int32], time: NDArray[np.int64]) -> bool:
    """Tell whether the times number each user's own rows: s, s + 1, s + 2 … without a gap, with one s for all users.

    Some copies of rating logs hold such a counter in place of the publisher's times. On a clock that users share, all
    users would have to begin at the same tick and to miss no tick afterwards.

    >>> counts_own_rows(np.array([0, 0, 1]), np.array([1, 2, 1])), counts_own_rows(np.array([0, 1]), np.array([1, 2]))
    (True, False)
    """
    counts = counts_of(user)
    start = int(time.min()) if len(time) else 0
    # A clock in seconds fails here: it runs for longer than any user has rows.
    if (counts > 0).sum() < 2 or int(time.max()) - start != counts.max() - 1:
        return False
    last = np.full(len(counts), start - 1, np.int64)
    np.maximum.at(last, user, time)
    # n times from s to s + n - 1 whose sum is that of n different ones.
    total = np.bincount(user, time - float(start))
    return bool((last - start == counts - 1).all() and (total == counts * (counts - 1) / 2).all())
