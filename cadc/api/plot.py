"""`cadc.plot`: a metric of a sweep against one of its keys, with intervals over seeds."""

import io
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas.api.types import is_numeric_dtype

from cadc import escape
from cadc.api.listing import AFTER, BEFORE
from cadc.errors import UsageError
from cadc.evaluation.prefixes import PREFIX
from cadc.evaluation.statistics.seeds import seed_interval
from cadc.reporting.drawn.figure import draw_legend
from cadc.reporting.drawn.lettering import wrapped
from cadc.reporting.drawn.palette import LINES, Palette
from cadc.reporting.drawn.scales import limit, log_axis
from cadc.reporting.drawn.style import SIZE, SMALL, STYLE, WIDTH

SEEDS = ("seed", "sample_seed", "weight_seed", "factorization.seed", "data.split_seed")
"""Keys over which means and intervals are taken."""


ALONE = 5.0
"""Width of a figure with a single panel, in inches."""


class NotebookFigure(Figure):
    """A figure that a notebook shows by itself; it is no part of pyplot, so nothing has to be closed."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from")
            self.savefig(file, format="png", dpi=110)
        return file.getvalue()


def plot(
    frame: pd.DataFrame,
    x: str = "sampler.rate",
    y: str = "test/auc",
    by: str | Sequence[str] | None = None,
    facet: str | None = None,
) -> Figure:
    """Draw a metric against a key of the configuration: a line an arm, means over seeds with their 95 % t intervals.

    Parameters
    ----------
    frame : a row a run, as `cadc.sweep` and `cadc.runs` return it; runs without a value of `y` are left out.
    x : column of the horizontal axis: on a log scale where its numbers span a decade, as places where it holds texts.
        Runs that lack it, such as those of a model without training, are horizontal lines.
    y : column of the vertical axis, such as `test/auc`, `val/logloss` or `seconds`; on a log scale where its numbers,
        other than those of a metric, span a decade.
    by : columns that tell the lines apart; the other keys in which the runs differ, where none are named.
    facet : column whose values have a panel each.

    Returns
    -------
    figure : of matplotlib; a notebook shows it, `figure.savefig("figure.svg")` writes it, `figure.axes[0]` changes it.
        Below it stands what the marks are; where runs of one point differ in more than seeds, it says in what.

    Raises
    ------
    UsageError : where a column is missing or `y` holds no number.

    >>> frame = pd.DataFrame({"sampler.rate": [0.1, 0.1, 1, 1], "test/auc": [0.70, 0.71, 0.75, 0.76]})
    >>> axes = plot(frame).axes[0]
    >>> axes.get_xlabel(), axes.get_ylabel(), [round(float(value), 3) for value in axes.lines[0].get_ydata()]
    ('sampler.rate', 'test/auc', [0.705, 0.755])
    """
    lines = [by] if isinstance(by, str) else by
    for column in (x, y, *(lines or ()), *([facet] if facet else ())):
        if column not in frame:
            raise UsageError(f"the data frame has no column {column!r}; it has {', '.join(map(str, frame))}.")
    rows = frame[frame[y].notna()]
    if not is_numeric_dtype(rows[y]) or rows[x].isna().all():
        column = y if rows.empty or not is_numeric_dtype(rows[y]) else x
        raise UsageError(f"the column {column!r} holds nothing that can be plotted.")
    telling = _telling(rows, {x, y, facet or x}) if lines is None else list(lines)
    parts = [("", rows)] if facet is None else [(shown_value(name), own) for name, own in rows.groupby(facet)]
    tables = [(name, _means(own, x, y, telling)) for name, own in parts]
    whole = pd.concat([table for _, table in tables])
    n_beside = min(len(parts), 3)
    width = ALONE if len(parts) == 1 else WIDTH
    each = (width - 0.5) / n_beside
    n_below = -(-len(parts) // n_beside)
    with mpl.rc_context(STYLE):
        figure = NotebookFigure((width, 1), layout="constrained")
        grid = figure.subplots(n_below, n_beside, squeeze=False, sharey=True)
        palette = Palette(whole, set(whole.loc[whole["rate"].notna(), "arm"]))
        for axes, (name, table) in zip(grid.ravel(), tables, strict=False):
            _draw(axes, table, palette, each, is_metric=y.startswith(tuple(PREFIX.values())))
            if facet:
                axes.set_title(wrapped(escape.figure(f"{facet} = {name}"), each - 0.1, SIZE, 2))
            axes.set_xlabel(wrapped(escape.figure(x), each, SIZE, 2))
        for axes in grid[:, 0]:
            axes.set_ylabel(escape.figure(y))
        for axes in grid.ravel()[len(tables) :]:
            axes.remove()
        _limits(list(grid.ravel()[: len(tables)]), whole)
        keys = [x, *telling, *([facet] if facet else [])]
        note = _note(whole, rows, keys, {*keys, y})
        if len(telling) == 1 and len(whole["arm"].unique()) > 1:
            note += f" Lines differ in {telling[0]}."
        below = draw_legend(figure, escape.figure(note, 400), width)
        figure.set_size_inches(width, n_below * (0.62 * each + 0.4 + 0.2 * bool(facet)) + below)
    return figure


def shown_value(value: Any) -> str:
    """Return a value of a key as a title and a tick show it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _telling(rows: pd.DataFrame, drawn: Collection[str]) -> list[str]:
    """Return the keys beside those that are drawn, and the seeds, in which runs differ."""
    others = [
        name
        for name in map(str, rows)
        if name not in (*BEFORE, *AFTER, *SEEDS, *drawn) and not name.startswith(tuple(PREFIX.values()))
    ]
    return [name for name in others if len(rows[name].unique()) > 1]


def _note(table: pd.DataFrame, rows: pd.DataFrame, keys: Sequence[str], told: Collection[str]) -> str:
    """Return what the marks are: means over how many runs, and in what these differ."""
    counts = sorted(table["runs"].unique())
    if counts[-1] == 1:
        return "One run each: no intervals."
    several = [count for count in counts if count > 1]
    over = f"{several[0]}" if len(several) == 1 else f"{several[0]} to {several[-1]}"
    groups = rows.groupby(list(keys), dropna=False)
    # What differs among the runs of a point is not told by it.
    mixed = [name for name in _telling(rows, told) if any(len(own[name].unique()) > 1 for _, own in groups)]
    what = f"runs, which also differ in {', '.join(mixed)}" if mixed else "seeds"
    single = " (one run has none)" if counts[0] == 1 else ""
    return f"Means over {over} {what}; bands and bars are 95 % t intervals of the mean{single}."


def _means(rows: pd.DataFrame, x: str, y: str, by: list[str]) -> pd.DataFrame:
    """Return arm, x (as `rate`), mean, half of the interval and number of runs of each point."""
    name = pd.Series([_name(row, y) for row in rows[by].to_dict("records")], index=rows.index)
    arms_drawn = escape.figure_names(map(str, name.unique()), 120)
    points = []
    for (arm, place), own in rows.groupby([name, x], sort=False, dropna=False):
        found = seed_interval(own[y])
        half = (found.high - found.low) / 2
        points.append({"arm": arms_drawn[str(arm)], "rate": place, "mean": found.mean, "half": half, "runs": len(own)})
    return pd.DataFrame(points)


def _name(values: Mapping[Any, Any], y: str) -> str:
    """Return the name of a line: its value of the only key, or all keys that it has, with their values."""
    shown = {str(key): shown_value(value) for key, value in values.items() if pd.notna(value)}
    if len(values) == 1:
        return next(iter(shown.values()), "-")
    return ", ".join(f"{key}={value}" for key, value in shown.items()) or y


def _draw(axes: Axes, table: pd.DataFrame, palette: Palette, width: float, is_metric: bool) -> None:
    """Draw a line and a band an arm; points with error bars where x holds texts, or an arm has a single point."""
    levels, table = table[table["rate"].isna()], table[table["rate"].notna()]
    is_number = is_numeric_dtype(table["rate"]) and table["rate"].dtype != bool
    ticks = sorted(table["rate"].unique()) if is_number else list(table["rate"].unique())
    arms = list(table["arm"].unique())
    points = []
    for arm, own in table.groupby("arm", sort=False):
        own = own.sort_values("rate") if is_number else own
        # Error bars of one text stand beside each other.
        aside = 0.4 * (arms.index(arm) + 0.5) / len(arms) - 0.2
        places = own["rate"].astype(float) if is_number else [ticks.index(value) + aside for value in own["rate"]]
        half = own["half"].fillna(0)
        style = palette.points(str(arm)) | {"label": str(arm)}
        if is_number and len(own) > 1:
            axes.plot(places, own["mean"], **style)
            ends_of_band = own["mean"] - half, own["mean"] + half
            axes.fill_between(places, *ends_of_band, color=style["color"], alpha=0.15, linewidth=0)
        else:
            axes.errorbar(places, own["mean"], half, linestyle="none", elinewidth=0.9, capsize=2, **style)
        points.append(pd.DataFrame({"x": list(places), "y": own["mean"].to_list()}))
    for number, (arm, level) in enumerate(zip(levels["arm"], levels["mean"], strict=True)):
        axes.axhline(level, color="0.35", linestyle=LINES[number % len(LINES)], linewidth=1.1, label=str(arm))
    means = pd.concat([table["mean"], levels["mean"]])
    if not is_metric and means.min() > 0 and means.max() >= 10 * means.min():
        axes.set_yscale("log")
    if not ticks:
        return
    if not is_number:
        wide = (width - 0.5) / len(ticks)
        shown = [wrapped(escape.figure(shown_value(tick), 40), wide - 0.05, SMALL) for tick in ticks]
        axes.set_xticks(range(len(ticks)), shown)
        axes.margins(x=0.1)
        return
    if min(ticks) > 0 and max(ticks) >= 10 * min(ticks):
        log_axis(axes, [float(tick) for tick in ticks], width - 0.5)
    elif len(ticks) <= 6:
        axes.set_xticks(np.asarray(ticks, float), [f"{tick:g}" for tick in ticks])


def _limits(panels: Sequence[Axes], table: pd.DataFrame) -> None:
    """Set the y axis, which the panels share, so that all means show."""
    if panels[0].get_yscale() == "log":
        return
    half = table["half"].fillna(0)
    for axes in panels:
        limit(axes, [*(table["mean"] - half), *(table["mean"] + half)], table["mean"])
