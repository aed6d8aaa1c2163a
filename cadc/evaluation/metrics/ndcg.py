"""Normalised discounted cumulative gain, NDCG@k."""

import numpy as np
from numpy.typing import NDArray

from cadc.evaluation.by_user import n_held_out, sum_by_user
from cadc.evaluation.metrics.metric import UserMetric


class NDCG(UserMetric):
    """Normalised discounted cumulative gain of the first `at`, averaged over users."""

    name = "ndcg"
    label = "NDCG"
    higher_is_better = True
    bounds = (0.0, 1.0)
    cutoff = "required"

    def by_user(self, rank: NDArray[np.float64], user: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the value of each user."""
        assert self.at is not None
        return ndcg(rank, user, self.at)


def ndcg(rank: NDArray[np.float64], user: NDArray[np.integer], k: int) -> NDArray[np.float64]:
    """Return each user's discounted cumulative gain of the first k over the best that is possible; NDCG@k is the mean.

    Gains are 1 for held-out items and 0 for others, the discount is 1 / log2(1 + rank) (Järvelin & Kekäläinen 2002,
    with the usual base), and the best puts min(k, held-out items) in front.

    Parameters
    ----------
    rank : of each held-out item, from 1; mid rank for ties, infinite for a miss; float64, shape [n].
    user : code of its user, from 0, shape [n].
    k : at least 1.

    Returns
    -------
    share : NaN for a code without held-out items, float64, shape [n_users].

    >>> ndcg(np.array([3.0, 30.0, 1.0]), np.array([0, 1, 1]), k=10).round(4)
    array([0.5   , 0.6131])
    """
    gain = sum_by_user(np.where(rank <= k, 1 / np.log2(1 + rank), 0.0), user)
    best = np.cumsum(np.append(0.0, 1 / np.log2(1 + np.arange(1, k + 1))))[np.minimum(n_held_out(user), k)]
    return np.divide(gain, best, out=np.full(len(gain), np.nan), where=best > 0)
