"""Metrics of saved scores and ranks, and the statistics of their differences.

`metric("ndcg@10")` finds a metric by name; `compare` pairs two arms seed by seed.
"""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.evaluation.metrics.lookup import metric
    from cadc.evaluation.metrics.metric import Metric
    from cadc.evaluation.saved_metrics import metrics_of
    from cadc.evaluation.statistics.comparison import Comparison, compare
    from cadc.evaluation.statistics.seeds import SeedInterval, seed_interval
    from cadc.evaluation.tasks import HeldOutRanks, HeldOutRows
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = [
    "Comparison",
    "HeldOutRanks",
    "HeldOutRows",
    "Metric",
    "SeedInterval",
    "compare",
    "metric",
    "metrics_of",
    "seed_interval",
]
