"""Axes: what range they show, where their ticks are, and what lies beyond them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from cadc.reporting.drawn.lettering import height_of, width_of
from cadc.reporting.drawn.style import SMALL

STEPS = ((1, 2, 5), (1, 3), (1,))
"""Steps of a decade that a log axis may have ticks at, the finest first."""


def limit(axes: Axes, ends: Sequence[float], means: pd.Series) -> None:
    """Set the y axis so that all means show; an interval much wider than their range does not flatten them."""
    low, high = float(means.min()), float(means.max())
    room = 0.3 * (high - low) or max(0.01, 0.05 * abs(high))
    bottom, top = max(min(ends, default=low), low - room), min(max(ends, default=high), high + room)
    margin = 0.05 * (top - bottom) or room
    axes.set_ylim(bottom - margin, top + margin)


def usual_range(values: pd.Series, ends: pd.Series) -> tuple[float, float]:
    """Return the range in which values are drawn: one far off, which must not flatten the others, is beyond it.

    Parameters
    ----------
    values : at least one.
    ends : of their intervals, which show as long as they are not much wider than the range of the values.
    """
    low, high = float(values.quantile(0.25)), float(values.quantile(0.75))
    room = 2 * (high - low) or max(0.01, 0.1 * abs(high))
    low, high = max(float(values.min()), low - room), min(float(values.max()), high + room)
    room = 2 * (high - low) or room
    ends = ends[ends.between(low - room, high + room)]
    return min(low, float(ends.min())) if len(ends) else low, max(high, float(ends.max())) if len(ends) else high


def is_near_to(level: float, means: pd.Series) -> bool:
    """Tell whether a level is within the range of the lines, or at most half its width away."""
    room = 0.5 * float(means.max() - means.min()) or 0.1 * abs(level)
    return bool(means.min() - room <= level <= means.max() + room)


def log_axis(axes: Axes, values: Sequence[float], width: float) -> None:
    """Scale x by its logarithm, with ticks at the values themselves where their labels fit, else at round numbers.

    Parameters
    ----------
    axes : of the panel.
    values : that are drawn, each above 0.
    width : of the panel in inches.
    """
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    low, high = min(values), max(values)
    whole = np.log(high / low) or 1.0
    places = sorted(set(values))
    gaps = np.diff(np.log(places)) / whole * width
    wide = [width_of(f"{place:.4g}", SMALL) + 0.06 for place in places]
    fits = all(gap > (one + other) / 2 for gap, one, other in zip(gaps, wide, wide[1:], strict=False))
    ticks = places if fits and len(places) < 10 else round_ticks(low / 1.05, high * 1.05, width)
    axes.set_xticks(ticks, [f"{tick:,.4g}" for tick in ticks])


def round_ticks(low: float, high: float, width: float) -> list[float]:
    """Return round numbers of a log axis whose labels fit a width in inches, two of them where the range allows."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    found: list[float] = []
    for steps in STEPS:
        ticks = [float(f"{step}e{power}") for power in decades for step in steps]
        found = [tick for tick in ticks if low <= tick <= high] or found
        if sum(width_of(f"{tick:g}", SMALL) + 0.12 for tick in found) <= width:
            return found
    return found[:: -(-len(found) // 3)]


def edge_notes(
    axes: Axes, levels: Sequence[tuple[str, float]], drawn: pd.DataFrame, height: float, is_written: bool = True
) -> None:
    """Write what lies above or below a panel at its edge, where room is made: an arrow, the name and the value.

    Parameters
    ----------
    axes : of the panel, with its limits set.
    levels : name and value of each.
    drawn : columns `x` and `y` of the points of the panel: the note is on the side where there are fewest near it.
    height : of the area that the axes enclose, in inches.
    is_written : whether there is more than the room, which panels that share an axis all have.
    """
    low, high = axes.get_ylim()
    for is_above in (False, True):
        beyond = [(name, value) for name, value in levels if (value > high if is_above else value < low)]
        if not beyond:
            continue
        room = (high - low) * min(0.4, height_of(len(beyond), SMALL) / height)
        if is_above:
            axes.set_ylim(top=high + room)
        else:
            axes.set_ylim(bottom=low - room)
        if not is_written:
            continue
        middle = np.sqrt(drawn["x"].min() * drawn["x"].max()) if drawn["x"].min() > 0 else drawn["x"].mean()
        left, right = drawn.loc[drawn["x"] < middle, "y"], drawn.loc[drawn["x"] > middle, "y"]
        is_left = bool(left.max() < right.max() if is_above else left.min() > right.min())
        arrow = "↑" if is_above else "↓"
        axes.annotate(
            "\n".join(f"{arrow} {name} {value:.4g}" for name, value in beyond),
            (0.02 if is_left else 0.98, 0.99 if is_above else 0.01),
            xycoords="axes fraction",
            ha="left" if is_left else "right",
            va="top" if is_above else "bottom",
            fontsize=SMALL,
            color="0.25",
        )
