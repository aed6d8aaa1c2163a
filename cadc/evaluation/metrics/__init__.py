"""The metrics, each a class in a file of its own; `cadc.evaluation.metric("ndcg@10")` finds one by name.

A file in this folder, or in the folder `metrics` of an installed plug-in's package, adds the metrics that it defines.
"""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.evaluation.metrics.auc import AUC
    from cadc.evaluation.metrics.brier import BrierScore
    from cadc.evaluation.metrics.cold_share import ColdShare
    from cadc.evaluation.metrics.ece import CalibrationError
    from cadc.evaluation.metrics.gauc import GroupedAUC
    from cadc.evaluation.metrics.hr import HitRate
    from cadc.evaluation.metrics.logloss import LogLoss
    from cadc.evaluation.metrics.metric import Metric, RowMetric, UserMetric
    from cadc.evaluation.metrics.mrr import ReciprocalRank
    from cadc.evaluation.metrics.ndcg import NDCG
    from cadc.evaluation.metrics.pr_auc import PrecisionRecallAUC
    from cadc.evaluation.metrics.recall import Recall
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = [
    "AUC",
    "NDCG",
    "BrierScore",
    "CalibrationError",
    "ColdShare",
    "GroupedAUC",
    "HitRate",
    "LogLoss",
    "Metric",
    "PrecisionRecallAUC",
    "Recall",
    "ReciprocalRank",
    "RowMetric",
    "UserMetric",
]
