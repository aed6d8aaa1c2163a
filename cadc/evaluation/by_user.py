"""Sums, means and maxima over the held-out items of each user."""

import numpy as np
from numpy.typing import NDArray


def sum_by_user(value: NDArray[np.floating], user: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the sum of `value` over each user's held-out items, float64, shape [n_users]; users as 0 … n_users - 1."""
    return np.bincount(user, value, minlength=n_users(user)).astype(np.float64)


def mean_by_user(value: NDArray[np.floating], user: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the mean of `value` over each user's held-out items, float64, shape [n_users]; NaN where there is none."""
    count = n_held_out(user)
    return np.divide(sum_by_user(value, user), count, out=np.full(len(count), np.nan), where=count > 0)


def max_by_user(value: NDArray[np.floating], user: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the largest `value` of each user's held-out items, float64, shape [n_users]; NaN where there is none."""
    largest = np.full(n_users(user), -np.inf)
    np.maximum.at(largest, user, value)
    return np.where(n_held_out(user) > 0, largest, np.nan)


def n_held_out(user: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the number of held-out items of each user, int64, shape [n_users]."""
    return np.bincount(user, minlength=n_users(user))


def n_users(user: NDArray[np.integer]) -> int:
    """Return the number of users: the largest code plus one."""
    return int(user.max()) + 1 if len(user) else 0
