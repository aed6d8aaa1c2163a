"""Split by sessions: each user's last session is tested whole, the one before it validates."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.split.chronological import rows_from_the_end, users_without_test_row
from cadc.data.split.global_time import counts_own_rows
from cadc.data.split.split import Split
from cadc.errors import DataError, UsageError, require_at_least

MIN_SESSIONS = 3
"""Fewest sessions of a user that is split: one each to train, to validate and to test."""
SECONDS = 60.0
"""Of a minute, the unit of `gap`."""


class SessionSplit(Split):
    """Holds out each user's last session for test and the one before for validation, each whole.

    A session is a run of a user's rows without a longer pause than `gap` between two of them (Quadrana et al. 2017
    take 30 minutes and hold out sessions in the same way). All rows of users with fewer than three sessions are
    training rows. Rows of the same time are in the same session, so nothing is left to chance.

    In MovieLens many ratings of a session share a second and lie in the order in which a page listed the films. A split
    that cuts through sessions, such as leave-one-out, then asks in part for the next film on the page; held-out
    sessions ask what the user turns to at the next visit.

    Parameters
    ----------
    gap : longest pause inside a session, in minutes.
    rows : number of rows of a session, for times that order a user's rows but tell no pauses, as in copies of logs that
        number them; rows of the same time are then ordered by the seed. None goes by `gap`.

    Raises
    ------
    UsageError : if an option is not positive.
    """

    needs: ClassVar[tuple[str, ...]] = ("user", "time")
    takes: ClassVar[tuple[str, ...]] = ("ticks_per_second",)

    def __init__(self, gap: float = 30.0, rows: int | None = None) -> None:
        if not 0 < gap < np.inf:
            raise UsageError(f"data.split.gap is {gap}; it must be a number of minutes above 0.")
        if rows is not None:
            require_at_least(1, "data.split", rows=rows)
        self.gap = gap
        self.rows = rows

    def assign(
        self,
        n_rows: int,
        generator: np.random.Generator,
        user: NDArray[np.int32],
        time: NDArray[np.int64],
        ticks_per_second: int | None = None,
    ) -> NDArray[np.uint8]:
        """Return the index in `SPLITS` of each row, see `Split.assign`.

        Raises
        ------
        DataError : if the times number each user's own rows, or no user has three sessions.
        """
        if self.rows is None and counts_own_rows(user, time):
            raise DataError(
                "the times number each user's own rows instead of telling the time, so pauses between sessions are not "
                "known; set data.split.rows to the number of rows that a session shall have, or choose "
                "data/split=leave_one_out."
            )
        place = np.zeros(n_rows, np.uint8)
        longest = int(self.gap * SECONDS * (ticks_per_second or 1))
        for rows, from_end, count in rows_from_the_end(user, time, generator):
            if self.rows is None:
                back, n_sessions = _sessions(time[rows], from_end, count, longest)
            else:
                back, n_sessions = from_end // self.rows, count // self.rows
            place[rows] = np.where((n_sessions >= MIN_SESSIONS) & (back < 2), 2 - back, 0)
        if n_rows and not place.any():
            how = f"{self.gap:g} minutes between two of them" if self.rows is None else f"{self.rows} rows in each"
            raise DataError(
                f"no user has {MIN_SESSIONS} sessions, with {how}; set data.split."
                f"{'gap' if self.rows is None else 'rows'} lower, or choose data/split=leave_one_out."
            )
        return place

    def remark(
        self,
        place: NDArray[np.uint8],
        user: NDArray[np.int32],
        time: NDArray[np.int64],
        ticks_per_second: int | None = None,
    ) -> str:
        """Return a sentence about users without a test row, who have too few sessions; empty if there are none."""
        return users_without_test_row(place, user, "sessions")


def _sessions(
    time: NDArray[np.int64], from_end: NDArray[np.int64], count: NDArray[np.int64], longest: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many sessions of its user follow that of each row, and how many there are, int64, shape [B] each.

    Parameters
    ----------
    time : of rows of whole users, one after the other, each user's ascending, shape [B].
    from_end, count : number of later rows, and of all rows, of the row's user, shape [B].
    longest : pause inside a session, in ticks.
    """
    ends = from_end == 0
    # As unsigned numbers, differences of any two times fit.
    ends[:-1] |= np.diff(time.view(np.uint64)) > longest
    # Sessions that end with the row or later, those of the users behind included, for each row and one behind the last.
    still = np.concatenate([np.cumsum(ends[::-1])[::-1], [0]])
    row = np.arange(len(time))
    end = row + from_end + 1
    return still[row] - still[end] - 1, still[end - count] - still[end]
