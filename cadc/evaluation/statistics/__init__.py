"""Uncertainty of metrics: intervals over seeds, paired comparisons of two arms, and verdicts."""

from cadc.evaluation.statistics.comparison import Comparison, compare
from cadc.evaluation.statistics.crossed import CrossedInterval, crossed_interval
from cadc.evaluation.statistics.delong import DeLong, delong
from cadc.evaluation.statistics.family import Judged, judge_family
from cadc.evaluation.statistics.holm import holm, holm_steps
from cadc.evaluation.statistics.printed import interval_text, p_text
from cadc.evaluation.statistics.replicates import Memory
from cadc.evaluation.statistics.seeds import SeedInterval, seed_interval
from cadc.evaluation.statistics.share import Share, share
from cadc.evaluation.statistics.verdict import DEFAULT_MARGIN, LEVEL, verdict
from cadc.evaluation.statistics.verdict_interval import verdict_interval

__all__ = [
    "DEFAULT_MARGIN",
    "LEVEL",
    "Comparison",
    "CrossedInterval",
    "DeLong",
    "Judged",
    "Memory",
    "SeedInterval",
    "Share",
    "compare",
    "crossed_interval",
    "delong",
    "holm",
    "holm_steps",
    "interval_text",
    "judge_family",
    "p_text",
    "seed_interval",
    "share",
    "verdict",
    "verdict_interval",
]
