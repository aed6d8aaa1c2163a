"""`cadc.plot`: a metric of a sweep against one of its keys, with intervals over seeds."""

import io
import warnings
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from pandas.api.types import is_numeric_dtype

from cadc import escape
from cadc.api.listing import AFTER, BEFORE
from cadc.errors import UsageError
from cadc.evaluation.prefixes import PREFIX
from cadc.evaluation.statistics.seeds import seed_interval
from cadc.reporting.drawn.palette import LINES, Palette
from cadc.reporting.drawn.scales import limit
from cadc.reporting.drawn.style import STYLE

SEEDS = ("seed", "sample_seed", "weight_seed", "factorization.seed", "data.split_seed")
"""Keys over which means and intervals are taken."""


class NotebookFigure(Figure):
    """A figure that a notebook shows by itself; it is no part of pyplot, so nothing has to be closed."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from")
            self.savefig(file, format="png", dpi=110)
        return file.getvalue()


def plot(
    frame: pd.DataFrame, x: str = "sampler.rate", y: str = "test/auc", by: str | Sequence[str] | None = None
) -> Figure:
    """Draw a metric against a key of the configuration: a line an arm, means over seeds with their 95 % t intervals.

    Parameters
    ----------
    frame : a row a run, as `cadc.sweep` and `cadc.runs` return it; runs without a value of `y` are left out.
    x : column of the horizontal axis: on a log scale where its numbers span a decade, as places where it holds texts.
        Runs that lack it, such as those of a model without training, are horizontal lines.
    y : column of the vertical axis, such as `test/auc`, `val/logloss` or `seconds`.
    by : columns that tell the lines apart; the other keys in which the runs differ, where none are named.

    Returns
    -------
    figure : of matplotlib; a notebook shows it, `figure.savefig("figure.svg")` writes it, `figure.axes[0]` changes it.

    Raises
    ------
    UsageError : where a column is missing or `y` holds no number.

    >>> frame = pd.DataFrame({"sampler.rate": [0.1, 0.1, 1, 1], "test/auc": [0.70, 0.71, 0.75, 0.76]})
    >>> axes = plot(frame).axes[0]
    >>> axes.get_xlabel(), axes.get_ylabel(), [round(float(value), 3) for value in axes.lines[0].get_ydata()]
    ('sampler.rate', 'test/auc', [0.705, 0.755])
    """
    lines = [by] if isinstance(by, str) else by
    for column in (x, y, *(lines or ())):
        if column not in frame:
            raise UsageError(f"the data frame has no column {column!r}; it has {', '.join(map(str, frame))}.")
    rows = frame[frame[y].notna()]
    if not is_numeric_dtype(rows[y]) or rows[x].isna().all():
        column = y if rows.empty or not is_numeric_dtype(rows[y]) else x
        raise UsageError(f"the column {column!r} holds nothing that can be plotted.")
    telling = _telling(rows, x) if lines is None else list(lines)
    table = _means(rows, x, y, telling)
    with mpl.rc_context(STYLE):
        figure = NotebookFigure((6.0, 3.9), layout="constrained")
        axes = figure.subplots()
        _draw(axes, table)
        axes.set_xlabel(escape.figure(x))
        axes.set_ylabel(escape.figure(y))
        if len(table["arm"].unique()) > 1:
            figure.legend(loc="outside right center", frameon=False, title=escape.figure(", ".join(telling)))
    return figure


def _telling(rows: pd.DataFrame, x: str) -> list[str]:
    """Return the keys beside x and the seeds in which runs differ."""
    others = [
        name
        for name in map(str, rows)
        if name not in (*BEFORE, *AFTER, *SEEDS, x) and not name.startswith(tuple(PREFIX.values()))
    ]
    return [name for name in others if len(rows[name].unique()) > 1]


def _means(rows: pd.DataFrame, x: str, y: str, by: list[str]) -> pd.DataFrame:
    """Return arm, x (as `rate`), mean and half of the interval of each point."""
    arms = rows[by].astype(object).where(rows[by].notna(), "-").astype(str)
    name = arms.agg(", ".join, axis=1) if by else pd.Series(y, index=rows.index)
    arms_drawn = escape.figure_names(map(str, name.unique()))
    points = []
    for (arm, place), own in rows.groupby([name, x], sort=False, dropna=False):
        found = seed_interval(own[y])
        points.append(
            {"arm": arms_drawn[str(arm)], "rate": place, "mean": found.mean, "half": (found.high - found.low) / 2}
        )
    return pd.DataFrame(points)


def _draw(axes: Axes, table: pd.DataFrame) -> None:
    """Draw a line and a band an arm; points with error bars where x holds texts, or an arm has a single point."""
    palette = Palette(table)
    levels, table = table[table["rate"].isna()], table[table["rate"].notna()]
    ticks = sorted(table["rate"].unique()) if is_numeric_dtype(table["rate"]) else list(table["rate"].unique())
    is_number = is_numeric_dtype(table["rate"]) and table["rate"].dtype != bool
    ends: list[float] = []
    arms = list(table["arm"].unique())
    for arm, own in table.groupby("arm", sort=False):
        own = own.sort_values("rate") if is_number else own
        # Error bars of one text stand beside each other.
        aside = 0.4 * (arms.index(arm) + 0.5) / len(arms) - 0.2
        places = own["rate"].astype(float) if is_number else [ticks.index(value) + aside for value in own["rate"]]
        half = own["half"].fillna(0)
        style = palette.points(str(arm)) | {"label": str(arm), "linewidth": 1.6}
        if is_number and len(own) > 1:
            axes.plot(places, own["mean"], **style)
            ends_of_band = own["mean"] - half, own["mean"] + half
            axes.fill_between(places, *ends_of_band, color=style["color"], alpha=0.15, linewidth=0)
        else:
            axes.errorbar(places, own["mean"], half, linestyle="none", elinewidth=0.9, capsize=3, **style)
        ends += [*(own["mean"] - half), *(own["mean"] + half)]
    for number, (arm, level) in enumerate(zip(levels["arm"], levels["mean"], strict=True)):
        axes.axhline(level, color="0.35", linestyle=LINES[number % len(LINES)], linewidth=1.1, label=str(arm))
    limit(axes, ends, pd.concat([table["mean"], levels["mean"]]))
    if not is_number:
        axes.set_xticks(range(len(ticks)), [escape.figure(str(tick), 40) for tick in ticks])
        axes.margins(x=0.2)
        return
    if min(ticks) > 0 and max(ticks) >= 10 * min(ticks):
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    if len(ticks) <= 12:
        axes.set_xticks(np.asarray(ticks, float), [f"{tick:g}" for tick in ticks])
