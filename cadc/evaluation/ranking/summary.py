"""All ranking metrics of one set of ranks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadc.errors import DataError
from cadc.evaluation.ranking.hit_rate import hit_rate
from cadc.evaluation.ranking.ndcg import ndcg
from cadc.evaluation.ranking.recall import recall
from cadc.evaluation.ranking.reciprocal_rank import reciprocal_rank


def ranking_metrics(rank: NDArray[np.float64], user: NDArray[Any], ks: Sequence[int] = (5, 10, 20)) -> dict[str, float]:
    """Return `hr@k`, `ndcg@k` and `recall@k` for every k, and `mrr`: means over users with held-out items.

    Parameters
    ----------
    rank : of each held-out item, from 1; mid rank for ties, infinite for a miss; float64, shape [n].
    user : anything that tells users apart, shape [n].
    ks : lengths of the lists.

    Raises
    ------
    DataError : for no ranks, or ranks that are NaN.

    >>> ranking_metrics(np.array([1.0, 12.0]), np.array([3, 4]), ks=(10,))
    {'hr@10': 0.5, 'ndcg@10': 0.5, 'recall@10': 0.5, 'mrr': 0.5416666666666666}
    """
    if not len(rank) or np.isnan(rank).any():
        raise DataError("ranking metrics need at least one held-out item, and no rank that is NaN.")
    code = np.unique(user, return_inverse=True)[1]
    by_name = {"hr": hit_rate, "ndcg": ndcg, "recall": recall}
    values = {f"{name}@{k}": float(metric(rank, code, k).mean()) for k in ks for name, metric in by_name.items()}
    return values | {"mrr": float(reciprocal_rank(rank, code).mean())}
