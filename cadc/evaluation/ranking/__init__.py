"""How well held-out items are ranked among all items.

Ranks come from `full_ranks`, those of a part of a log from `HeldOutRanking`, one for each held-out item. The metrics in
`cadc.evaluation.metrics` are functions of ranks alone.
"""

from cadc.evaluation.ranking.held_out import HeldOutRanking, rows_before
from cadc.evaluation.ranking.ranks import DotProduct, Masked, full_ranks

__all__ = [
    "DotProduct",
    "HeldOutRanking",
    "Masked",
    "full_ranks",
    "rows_before",
]
