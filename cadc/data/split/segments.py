"""Split of a stream: the log in the order of its times, cut into segments, each with parts of its own."""

import typing
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cadc.data.split.global_time import require_clock
from cadc.data.split.split import SPLITS, Split, require_shares
from cadc.errors import DataError, UsageError, require_at_least

By = Literal["rows", "time", "arrivals"]
"""What segments have equal shares of."""
TRAIN = SPLITS.index("train")


class Segmented(NamedTuple):
    """Where each row of a log belongs in its stream.

    Parameters
    ----------
    order : numbers of the rows, the earliest first, int64, shape [n].
    segment : of each row, from 0, int32, shape [n].
    place : part of the segment, an index in `SPLITS`, uint8, shape [n].
    """

    order: NDArray[np.int64]
    segment: NDArray[np.int32]
    place: NDArray[np.uint8]


class SegmentSplit(Split):
    """Cuts the log into segments one after the other in time; each trains on its past, and is judged on its end.

    Of each segment the first share of the rows trains, the next half of the rest validates, and the last half tests. As
    a split, all training rows of all segments together train; as a stream (see `cadc.streams`) one segment follows the
    other. Rows of the same time are put in a random order.

    Parameters
    ----------
    n : number of segments.
    by : segments have equally many `rows`, take equally long (`time`), or bring equally many users and items that were
        not met before (`arrivals`).
    arrivals : users and items that a segment brings; None goes by `n`.
    train : share of a segment's rows that train, in (0, 1).
    own_clock : whether times that number each user's own rows are taken as a clock that users share.

    Raises
    ------
    UsageError : if an option has none of its values.

    Examples
    --------
    >>> time = np.array([30, 10, 20, 40, 50, 60])
    >>> SegmentSplit(n=2, train=0.34).assign(6, np.random.default_rng(0), time).tolist()
    [2, 0, 1, 0, 1, 2]
    """

    needs: ClassVar[tuple[str, ...]] = ("time",)
    takes: ClassVar[tuple[str, ...]] = ("user", "item")

    def __init__(
        self, n: int = 10, by: By = "rows", arrivals: int | None = None, train: float = 0.8, own_clock: bool = False
    ) -> None:
        require_at_least(1, "data.split", n=n, **({} if arrivals is None else {"arrivals": arrivals}))
        require_shares(train=train)
        self.n = n
        self.by: By = by
        self.arrivals = arrivals
        self.train = train
        self.own_clock = own_clock
        if by not in typing.get_args(By):
            raise UsageError(f"data.split.by is {by!r}; expected one of {', '.join(typing.get_args(By))}.")
        if arrivals is not None and by != "arrivals":
            raise UsageError(
                f"data.split.arrivals is {arrivals}, and data.split.by is {by!r}; "
                "set by=arrivals, or leave arrivals out."
            )

    def assign(
        self,
        n_rows: int,
        generator: np.random.Generator,
        time: NDArray[np.int64],
        user: NDArray[np.int32] | None = None,
        item: NDArray[np.int32] | None = None,
    ) -> NDArray[np.uint8]:
        """Return the index in `SPLITS` of each row, see `Split.assign`.

        Raises
        ------
        DataError : see `segmented`; and if no segment is long enough to have rows of each part.
        """
        found = self.segmented(n_rows, generator, time, user, item)
        if len(empty := np.flatnonzero(np.bincount(found.place, minlength=len(SPLITS)) == 0)):
            longer = "data.split.n lower" if self.arrivals is None else "data.split.arrivals higher"
            raise DataError(
                f"no segment has a {SPLITS[empty[0]]} row: the longest has {np.bincount(found.segment).max()} rows, of "
                f"which the share {self.train:g} (data.split.train) trains. Set {longer}, so that segments are longer."
            )
        return found.place

    def segmented(
        self,
        n_rows: int,
        generator: np.random.Generator,
        time: NDArray[np.int64],
        user: NDArray[np.int32] | None = None,
        item: NDArray[np.int32] | None = None,
    ) -> Segmented:
        """Return the order of the rows, and segment and part of each; see `assign` for the arguments.

        Raises
        ------
        DataError : if the times are no clock that users share, all rows have one time, or there are fewer rows than
            segments.
        """
        require_clock(
            None if self.own_clock else user,
            time,
            "there is no stream of all users; set data.split.own_clock=true to line users up by them all the same.",
        )
        if self.arrivals is None and n_rows < self.n:
            raise DataError(f"the log has {n_rows} rows, fewer than data.split.n={self.n} segments.")
        order = np.lexsort((generator.permutation(n_rows), time))
        of_place = self._segments(order, time, user, item)
        starts = np.flatnonzero(np.diff(of_place, prepend=-1))
        lengths = np.diff(starts, append=n_rows)
        within = np.arange(n_rows) - np.repeat(starts, lengths)
        trained = np.rint(self.train * lengths).astype(np.int64)
        judged = trained + (lengths - trained) // 2
        place = (within >= np.repeat(trained, lengths)).astype(np.uint8) + (within >= np.repeat(judged, lengths))
        found = Segmented(order, np.empty(n_rows, np.int32), np.empty(n_rows, np.uint8))
        found.segment[order], found.place[order] = of_place, place
        return found

    def _segments(
        self,
        order: NDArray[np.int64],
        time: NDArray[np.int64],
        user: NDArray[np.int32] | None,
        item: NDArray[np.int32] | None,
    ) -> NDArray[np.int64]:
        """Return the segment of each row in the order of the stream, ascending, int64, shape [n]."""
        n_rows = len(order)
        if self.by == "rows":
            return np.arange(n_rows) * self.n // n_rows
        if self.by == "time":
            ordered = time[order]
            # As unsigned numbers, differences of any two times fit.
            since = (ordered - ordered[0]).view(np.uint64).astype(np.float64)
            return np.minimum((since / (since[-1] or 1) * self.n).astype(np.int64), self.n - 1)
        sides = [side for side in (user, item) if side is not None]
        if not sides:
            raise DataError("the log has neither users nor items, whose arrivals would make segments; set by=rows.")
        arrived = np.sum([_is_first(side[order]) for side in sides], axis=0).cumsum()
        share = self.arrivals or -(-int(arrived[-1]) // self.n)
        # The first two arrive together; a segment ends before the row that would bring more than its share.
        return np.maximum(arrived - 1, 0) // share


def _is_first(values: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return 1 for the first occurrence of each value, 0 for the others, int64, shape [n]."""
    found = np.zeros(len(values), np.int64)
    found[np.unique(values, return_index=True)[1]] = 1
    return found
