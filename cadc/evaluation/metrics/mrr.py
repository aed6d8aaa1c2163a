"""Mean reciprocal rank, MRR and MRR@k."""

import numpy as np
from numpy.typing import NDArray

from cadc.evaluation.by_user import max_by_user
from cadc.evaluation.metrics.metric import UserMetric


class ReciprocalRank(UserMetric):
    """Reciprocal rank of a user's first held-out item, averaged over users; 0 for one beyond `at`, if given."""

    name = "mrr"
    label = "MRR"
    higher_is_better = True
    bounds = (0.0, 1.0)
    cutoff = "optional"

    def by_user(self, rank: NDArray[np.float64], user: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the value of each user."""
        return reciprocal_rank(rank, user, self.at or np.inf)


def reciprocal_rank(
    rank: NDArray[np.float64], user: NDArray[np.integer], k: float = float("inf")
) -> NDArray[np.float64]:
    """Return for each user one over the rank of the first held-out item; MRR is the mean.

    Parameters
    ----------
    rank : of each held-out item, from 1; mid rank for ties, infinite for a miss; float64, shape [n].
    user : code of its user, from 0, shape [n].
    k : a first rank beyond it counts 0 (MRR@k).

    Returns
    -------
    reciprocal : NaN for a code without held-out items, float64, shape [n_users].

    >>> reciprocal_rank(np.array([2.0, 30.0, 10.0]), np.array([0, 0, 1]))
    array([0.5, 0.1])
    """
    return max_by_user(np.where(rank <= k, 1 / rank, 0.0), user)
