"""Any metric of saved rows under draws of the users: the rows are written out as often as their users are drawn."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.errors import DataError


class WrittenOut:
    """A metric as a function of how often each user counts, computed anew for each draw: exact, and slow.

    A user who is drawn twice counts as two users with the same rows.

    Parameters
    ----------
    value : the metric of saved rows.
    rows : the saved rows.
    unit : number of each row's user, integers from 0, shape [n].
    """

    def __init__(self, value: Callable[[pd.DataFrame], float], rows: pd.DataFrame, unit: NDArray[np.integer]) -> None:
        self.value, self.rows, self.unit = value, rows, unit

    def __call__(self, multiplicity: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Return the metric of every replicate, float64, shape [b]; NaN where it is undefined.

        Parameters
        ----------
        multiplicity : of every user, integers, shape [b, n_units].
        """
        return np.array([self._value(weight) for weight in multiplicity], np.float64)

    def _value(self, weight: NDArray[np.integer[Any]]) -> float:
        times = weight[self.unit]
        place = np.repeat(np.arange(len(times)), times)
        drawn = self.rows.iloc[place]
        if "user" in drawn:
            copy = np.arange(len(place)) - np.repeat(np.cumsum(times) - times, times)
            drawn = drawn.assign(user=self.unit[place] * (int(weight.max(initial=0)) + 1) + copy)
        try:
            return self.value(drawn)
        except DataError:
            return float("nan")
