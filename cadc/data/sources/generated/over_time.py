"""What changes over the time of a generated log: values that turn into others, and users and items that arrive."""

import numpy as np
from numpy.typing import NDArray


def turned(
    start: NDArray[np.float64], other: NDArray[np.float64], quarters: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Return values on their way from `start` to `other`: cos(q·π/2)·start + sin(q·π/2)·other.

    Of independent standard normal values they are standard normal at any time, with correlation cos(q·π/2) to `start`.

    Parameters
    ----------
    start, other : values at 0 and after a quarter turn, shape [..., k].
    quarters : q, quarter turns so far, which broadcasts with the values.

    >>> turned(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 0.5).round(2).tolist()
    [0.71, 0.71]
    """
    angle = np.asarray(quarters) * (np.pi / 2)
    return np.asarray(np.cos(angle) * start + np.sin(angle) * other)


class Arrivals:
    """When each of n users, or items, arrives, and draws from those who are there.

    Times are shares of the log's duration. Some arrive at the start, the others at uniformly random times; at least one
    is there at the start.

    Parameters
    ----------
    n : number of users or items.
    share : of them that arrive after the start, in [0, 1].
    half_life : time in which the activity of each falls to half, counted from its arrival; None keeps it.
    generator : of all random choices.

    Attributes
    ----------
    times : of arrival, in [0, 1), float64, shape [n].
    """

    def __init__(self, n: int, share: float, half_life: float | None, generator: np.random.Generator) -> None:
        is_late = generator.random(n) < share
        self.times = np.where(is_late, generator.random(n), 0.0)
        self.times[self.times.argmin()] = 0.0
        self._order = np.argsort(self.times, kind="stable")
        self._sorted = self.times[self._order]
        # Activity falls alike for all who are there, so that their shares depend on their arrivals alone.
        self._freshness = np.ones(n) if half_life is None else 2.0 ** ((self.times - 1) / half_life)

    def draw(
        self, activity: NDArray[np.float64], when: NDArray[np.float64], generator: np.random.Generator
    ) -> NDArray[np.int32]:
        """Draw one of those who are there for each of m times, in proportion to their activity.

        Parameters
        ----------
        activity : of each when it arrives, above 0, shape [n].
        when : times, in [0, 1), shape [m].
        generator : of the draws.

        Returns
        -------
        drawn : int32, shape [m].
        """
        total = np.cumsum((activity * self._freshness)[self._order])
        n_there = np.searchsorted(self._sorted, when, side="right")
        place = np.searchsorted(total, generator.random(len(when)) * total[n_there - 1], side="right")
        return self._order[np.minimum(place, n_there - 1)].astype(np.int32)
