"""Recall@k."""

import numpy as np
from numpy.typing import NDArray

from cadc.evaluation.by_user import mean_by_user
from cadc.evaluation.metrics.metric import UserMetric


class Recall(UserMetric):
    """Share of a user's held-out items among the first `at`, averaged over users."""

    name = "recall"
    label = "Recall"
    higher_is_better = True
    bounds = (0.0, 1.0)
    cutoff = "required"

    def by_user(self, rank: NDArray[np.float64], user: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the value of each user."""
        assert self.at is not None
        return recall(rank, user, self.at)


def recall(rank: NDArray[np.float64], user: NDArray[np.integer], k: int) -> NDArray[np.float64]:
    """Return for each user the share of held-out items that are among the first k; Recall@k is the mean.

    The share is of all held-out items, also where these are more than k.

    Parameters
    ----------
    rank : of each held-out item, from 1; mid rank for ties, infinite for a miss; float64, shape [n].
    user : code of its user, from 0, shape [n].
    k : at least 1.

    Returns
    -------
    share : NaN for a code without held-out items, float64, shape [n_users].

    >>> recall(np.array([1.0, 30.0, 11.0]), np.array([0, 0, 1]), k=10)
    array([0.5, 0. ])
    """
    return mean_by_user((rank <= k).astype(np.float64), user)
