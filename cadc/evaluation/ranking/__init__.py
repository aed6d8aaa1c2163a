"""How well held-out items are ranked among all items.

Ranks come from `full_ranks`, those of a part of a log from `HeldOutRanking`, one for each held-out item; every metric
is a function of ranks alone and answers with a value per user, of which the metric is the mean.
"""

from cadc.evaluation.ranking.by_user import mean_by_user
from cadc.evaluation.ranking.held_out import HeldOutRanking
from cadc.evaluation.ranking.hit_rate import hit_rate
from cadc.evaluation.ranking.ndcg import ndcg
from cadc.evaluation.ranking.ranks import DotProduct, Masked, full_ranks
from cadc.evaluation.ranking.recall import recall
from cadc.evaluation.ranking.reciprocal_rank import reciprocal_rank
from cadc.evaluation.ranking.summary import ranking_metrics

__all__ = [
    "DotProduct",
    "HeldOutRanking",
    "Masked",
    "full_ranks",
    "hit_rate",
    "mean_by_user",
    "ndcg",
    "ranking_metrics",
    "recall",
    "reciprocal_rank",
]
