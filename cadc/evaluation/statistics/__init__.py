"""Uncertainty of metrics: intervals over seeds, paired comparisons of two arms, and verdicts."""

from cadc.evaluation.statistics.comparison import Comparison, compare
from cadc.evaluation.statistics.crossed import CrossedInterval, crossed_interval
from cadc.evaluation.statistics.delong import DeLong, delong
from cadc.evaluation.statistics.holm import holm
from cadc.evaluation.statistics.replicates import Memory
from cadc.evaluation.statistics.seeds import SeedInterval, seed_interval
from cadc.evaluation.statistics.share import Share, share
from cadc.evaluation.statistics.verdict import DEFAULT_MARGIN, verdict

__all__ = [
    "DEFAULT_MARGIN",
    "Comparison",
    "CrossedInterval",
    "DeLong",
    "Memory",
    "SeedInterval",
    "Share",
    "compare",
    "crossed_interval",
    "delong",
    "holm",
    "seed_interval",
    "share",
    "verdict",
]
