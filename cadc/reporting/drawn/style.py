"""Sizes and lettering of figures as they are printed: across a page of two columns, no letter below 7 points."""

from typing import Any

WIDTH = 7.0
"""Width of a page's text in inches; panels side by side fill it."""
COLUMN = 3.4
"""Width of one of two columns in inches, that of a single panel."""
SIZE = 8.0
"""Points of labels and titles."""
SMALL = 7.0
"""Points of ticks, legends and notes, the smallest letters there are."""
DPI = 240

STYLE: dict[Any, Any] = {
    "font.size": SIZE,
    "figure.titlesize": SIZE + 1,
    "axes.titlesize": SIZE,
    "axes.labelsize": SIZE,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": SMALL,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "svg.hashsalt": "cadc",  # without it, element ids differ at each writing
    "svg.fonttype": "none",
}
