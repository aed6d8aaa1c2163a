"""Rows of users by time, with running sums: what lies before a point in time."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cadc.views.user_rows import starts_of


@dataclass(frozen=True)
class TimedRows:
    """Rows of each user in order of time, with running sums of a value.

    Parameters
    ----------
    first : where the rows of each user begin, and the last ones end, int64, shape [n_users + 1].
    times : time of each row less `start`, ascending for each user, int32 or int64, shape [n].
    start : the earliest time, int64, shape [1].
    sums : sum of the values of the user's rows up to and with each, float32, shape [n].
    """

    first: Tensor
    times: Tensor
    start: Tensor
    sums: Tensor

    @classmethod
    def of(cls, users: Tensor, times: Tensor, values: Tensor, n_users: int) -> "TimedRows":
        """Sort rows by user and time; those of user 0, *unknown*, are left out.

        Parameters
        ----------
        users : user of each row, int64, shape [n].
        times : int64, shape [n].
        values : float32, shape [n].
        n_users : number of users.
        """
        known = users > 0
        users, times, values = users[known], times[known], values[known]
        order = torch.from_numpy(np.lexsort([times.numpy(), users.numpy()]))
        first = starts_of(users, n_users)
        running = torch.zeros(len(order) + 1, dtype=torch.float64)
        running[1:] = values[order].double().cumsum(0)
        sums = (running[1:] - running[first[users[order]]]).float()
        start = times.min().reshape(1) if len(times) else torch.zeros(1, dtype=torch.int64)
        since = times[order] - start
        fits = not len(since) or (int(since.min()) >= 0 and int(since.max()) <= torch.iinfo(torch.int32).max)
        return cls(first, since.int() if fits else since, start, sums)

    def count_before(self, users: Tensor, times: Tensor) -> Tensor:
        """Return how many rows each user has before a time, by bisection, int64, shape [B].

        A row of the same time is not before it.

        Parameters
        ----------
        users : users, int64, shape [B].
        times : int64, shape [B].

        Examples
        --------
        >>> rows = TimedRows.of(torch.tensor([1, 1, 1]), torch.tensor([30, 10, 20]), torch.ones(3), n_users=2)
        >>> rows.count_before(torch.tensor([1, 1, 0]), torch.tensor([20, 99, 99])).tolist()
        [1, 3, 0]
        """
        low, high = self.first[users], self.first[users + 1]
        begin = low
        for _ in range(int((high - low).max()).bit_length() if len(users) else 0):
            middle = (low + high) // 2
            is_open = low < high
            # The start is added, and not taken from what is asked, which may lie more than 2**63 ticks before it.
            is_before = is_open & (self.times[middle.clamp(max=len(self.times) - 1)] + self.start < times)
            low = torch.where(is_before, middle + 1, low)
            high = torch.where(is_open & ~is_before, middle, high)
        return low - begin

    def sum_of_last(self, users: Tensor, n_before: Tensor, most: int | None = None) -> Tensor:
        """Return the sum of the values of the last rows before a time, float32, shape [B].

        Parameters
        ----------
        users : users, int64, shape [B].
        n_before : number of rows before the time, see `count_before`.
        most : number of rows that are summed at most; None sums all of them.
        """
        total = self._sum(users, n_before)
        return total if most is None else total - self._sum(users, (n_before - most).clamp(min=0))

    def _sum(self, users: Tensor, n: Tensor) -> Tensor:
        """Return the sum of the first n values of each user, float32, shape [B]."""
        if not len(self.sums):
            return torch.zeros(len(users))
        return self.sums[(self.first[users] + n - 1).clamp(min=0)] * (n > 0)
