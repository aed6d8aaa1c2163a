"""The kinds of panels of a figure."""

from cadc.reporting.drawn.bar_panel import BarPanel
from cadc.reporting.drawn.bytes_panel import BytesPanel
from cadc.reporting.drawn.curve_panel import CurvePanel, PlainCurvePanel
from cadc.reporting.drawn.difference_panel import DifferencePanel
from cadc.reporting.drawn.heat_panel import HeatPanel
from cadc.reporting.drawn.line_panel import LinePanel
from cadc.reporting.drawn.panel import Panel
from cadc.reporting.drawn.time_panel import TimePanel

PANELS: dict[str, Panel] = {
    "rate": LinePanel("rate", "training rows kept (%)", 100),
    "time": TimePanel(),
    "dim": LinePanel("dim", "embedding dimension d"),
    "bars": BarPanel(),
    "differences": DifferencePanel(),
    "bytes": BytesPanel(),
    "heat": HeatPanel(),
    "segments": CurvePanel("segment", "segment"),
    "split": CurvePanel("rows_share", "bytes for rows of the log (%)"),
    "regret": CurvePanel("segment", "segment", {"regret": "regret so far", "regret_to_truth": "regret to the truth"}),
    "held": PlainCurvePanel("segment", "segment", {"bytes": "tables (KiB)", "reservoir_bytes": "reservoir (KiB)"}),
    "sizes": PlainCurvePanel("frequency", "training rows of a user or item", {"size": "numbers of a row"}, is_log=True),
}
"""By the key `figure` of an experiment."""

STREAM_KINDS = ("segments", "sizes", "held", "regret", "split")
"""Those that draw what streams came to in their segments."""
