"""Hit rate, HR@k."""

import numpy as np
from numpy.typing import NDArray

from cadc.evaluation.by_user import max_by_user
from cadc.evaluation.metrics.metric import UserMetric


class HitRate(UserMetric):
    """Share of users with a held-out item among the first `at`."""

    name = "hr"
    label = "HR"
    higher_is_better = True
    bounds = (0.0, 1.0)
    cutoff = "required"

    def by_user(self, rank: NDArray[np.float64], user: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the value of each user."""
        assert self.at is not None
        return hit_rate(rank, user, self.at)


def hit_rate(rank: NDArray[np.float64], user: NDArray[np.integer], k: int) -> NDArray[np.float64]:
    """Return for each user whether any held-out item is among the first k; HR@k is the mean.

    With one held-out item a user this is also Recall@k.

    Parameters
    ----------
    rank : of each held-out item, from 1; mid rank for ties, infinite for a miss; float64, shape [n].
    user : code of its user, from 0, shape [n].
    k : at least 1.

    Returns
    -------
    hit : 0 or 1, NaN for a code without held-out items, float64, shape [n_users].

    >>> hit_rate(np.array([1.0, 30.0, 11.0]), np.array([0, 0, 1]), k=10)
    array([1., 0.])
    """
    return max_by_user((rank <= k).astype(np.float64), user)
