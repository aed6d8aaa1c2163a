"""The kinds of panels of a figure; each draws one metric on one data set."""

from collections import Counter
from itertools import cycle
from typing import Any, ClassVar

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from cadc import escape
from cadc.reporting.drawn.heat_panel import HeatPanel
from cadc.reporting.drawn.palette import LINES, Palette, levels_of
from cadc.reporting.drawn.panel import Panel, axis_label, is_near_to, limit
from cadc.reporting.drawn.ratio_panel import RatioPanel


class LinePanel(Panel):
    """Quality against a column with few values on a log axis; controls are horizontal lines.

    Parameters
    ----------
    column : column of the table.
    name : label of the axis.
    factor : factor by which values are multiplied for the axis.
    """

    def __init__(self, column: str, name: str, factor: float = 1) -> None:
        self.column, self.name, self.factor = column, name, factor

    def __call__(self, axes: Axes, rows: pd.DataFrame, metric: str, palette: Palette, alone: bool) -> None:
        """Draw a line with its band for each arm, and the levels."""
        mean, half = f"{metric}_mean", f"{metric}_ci"
        levels = self._levels(rows)
        ends: list[float] = []
        ticks: set[float] = set()
        for name, own, style in self._lines(rows[~rows["arm"].isin(levels)], palette):
            own = own.sort_values(self.column)
            x, y, spread = self.factor * own[self.column].astype(float), own[mean], own[half].fillna(0)
            axes.plot(x, y, label=name, linewidth=1.6, **style)
            axes.fill_between(x, y - spread, y + spread, color=style["color"], alpha=0.15, linewidth=0)
            ends += [*(y - spread), *(y + spread)]
            ticks |= set(x)
        controls = [(str(arm), own) for arm, own in rows[rows["arm"].isin(levels)].groupby("arm", sort=False)]
        swept = rows.loc[~rows["arm"].isin(levels), mean]
        shown = [float(level) for level in swept]
        for arm, own in [*self._full_data(rows, levels), *controls]:
            level = float(own[mean].iloc[0])
            # A control far off must not flatten the lines.
            is_near = swept.empty or is_near_to(level, swept)
            text = arm + (f" ({level:.4f})" if alone else "") + ("" if is_near else " (off the panel)")
            style = {"color": "0.35", "linestyle": palette.line(arm), "linewidth": 1.1, "label": text}
            if is_near:
                axes.axhline(level, **style)
                shown.append(level)
            else:
                axes.plot([], [], **style)
        limit(axes, [*ends, *shown], pd.Series(shown))
        axes.set_xscale("log")
        axes.set_xticks(sorted(ticks), [f"{tick:g}" for tick in sorted(ticks)])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(self.name)
        axes.set_ylabel(axis_label(metric))

    def _levels(self, rows: pd.DataFrame) -> list[str]:
        if self.column == "rate":
            return levels_of(rows)
        return [str(arm) for arm, own in rows.groupby("arm", sort=False) if own[self.column].nunique() < 2]

    def _full_data(self, rows: pd.DataFrame, levels: list[str]) -> list[tuple[str, pd.DataFrame]]:
        """Return the plain arm at its highest rate, the level to compare with, unless it is an arm of its own."""
        if self.column != "rate" or (rows.loc[rows["arm"].isin(levels), "rate"] == 1).any():
            return []
        plain = rows[(rows["initializer"] == "random") & (rows["rate"] == rows["rate"].max())].iloc[:1]
        return [
            (f"{arm}, {'full' if own['rate'].max() == 1 else 'most'} data", own) for arm, own in plain.groupby("arm")
        ]

    def _lines(self, rows: pd.DataFrame, palette: Palette) -> Any:
        """Yield name, rows and style of each line; an arm has a line for each rate unless rates are on the x axis."""
        for arm, own in rows.groupby("arm", sort=False):
            style = palette.points(str(arm))
            rates = own["rate"].dropna().unique()
            if self.column == "rate" or len(rates) < 2:
                yield str(arm), own, style
                continue
            for rate, line in zip(rates, cycle(["-", *LINES]), strict=False):
                yield f"{arm}, {100 * rate:g} %", own[own["rate"] == rate], style | {"linestyle": line}


class TimePanel(Panel):
    """Quality against total seconds, factorisation included; a point for each rate, labelled with it."""

    def __call__(self, axes: Axes, rows: pd.DataFrame, metric: str, palette: Palette, alone: bool) -> None:
        """Draw the points of each arm in the order of their rates."""
        mean, half = f"{metric}_mean", f"{metric}_ci"
        ends: list[float] = []
        for arm, own in rows.groupby("arm", sort=False):
            own = own.sort_values("rate")
            x, y, spread = own["total_s_mean"], own[mean], own[half].fillna(0)
            style = palette.points(str(arm)) | ({"markersize": 7, "linestyle": "none"} if len(own) == 1 else {})
            axes.errorbar(x, y, spread, label=str(arm), linewidth=1.3, elinewidth=0.9, capsize=2, **style)
            for place, level, rate in zip(x, y, own["rate"], strict=True):
                if pd.notna(rate):
                    text = f"{100 * rate:g} %"
                    axes.annotate(text, (place, level), (4, -9), textcoords="offset points", fontsize=7, color="0.3")
            ends += [*(y - spread), *(y + spread)]
        limit(axes, ends, rows[mean])
        axes.set_xscale("log")
        _seconds(axes, rows["total_s_mean"])
        timing = rows.attrs["timing"]
        where = f"on {escape.figure(timing[0], 200)}" if len(timing) == 1 else "not comparable, see the table"
        axes.set_xlabel(f"total seconds, factorisation included\n{where}")
        axes.set_ylabel(axis_label(metric))


class BarPanel(Panel):
    """Arms below one another, each with its mean and interval; colours show rates.

    An arm far from the others is drawn at the edge, with its value.
    """

    beside: ClassVar[float] = 2.6
    sharey: ClassVar[bool] = True

    def size(self, table: pd.DataFrame) -> tuple[float, float]:
        """Return width and height of a panel in inches: a line for each arm."""
        return (3.9, 1.1 + 0.3 * table["arm"].nunique())

    def __call__(self, axes: Axes, rows: pd.DataFrame, metric: str, palette: Palette, alone: bool) -> None:
        """Draw a dot and its interval for each arm and rate."""
        arms = palette.arms
        rates = sorted(rows["rate"].dropna().unique())
        colours = [mpl.colormaps["viridis"](place) for place in np.linspace(0.1, 0.8, len(rates))]
        groups = [
            (f"rate {100 * rate:g} %", rows[rows["rate"] == rate], colour)
            for rate, colour in zip(rates, colours, strict=True)
        ]
        swept = {arm for arm, own in rows.groupby("arm") if len(own["rate"].dropna().unique()) > 1}
        low, high = _usual(rows[f"{metric}_mean"])
        groups.append(("no sample", rows[rows["rate"].isna()], "0.35"))
        at_the_edge: Counter[str] = Counter()
        for number, (name, own, colour) in enumerate(groups):
            if own.empty:
                continue
            spread = 0.3 * (number / max(1, len(rates) - 1) - 0.5)
            places = [arms.index(str(arm)) + (spread if arm in swept else 0) for arm in own["arm"]]
            level, half = own[f"{metric}_mean"].clip(low, high), own[f"{metric}_ci"].fillna(0)
            inside = own[f"{metric}_mean"].between(low, high)
            axes.errorbar(
                level, places, xerr=half.where(inside, 0), fmt="o", markersize=5, color=colour, capsize=2, label=name
            )
            outside = own[~inside]
            for arm, x, y, value in zip(
                outside["arm"], level[~inside], np.array(places)[~inside], outside[f"{metric}_mean"], strict=True
            ):
                sign, side = (-1, "right") if x == high else (1, "left")
                away = 6 + 36 * at_the_edge[arm]  # the values of an arm's rates are side by side
                at_the_edge[arm] += 1
                axes.annotate(
                    f"{value:.3g}",
                    (x, y),
                    (away * sign, -3),
                    textcoords="offset points",
                    fontsize=8,
                    ha=side,
                    color=colour,
                )
        axes.set_yticks(range(len(arms)), arms)
        axes.set_ylim(len(arms) - 0.4, -0.6)
        axes.margins(x=0.08)
        # Panels are side by side, and labels of four decimals are wide.
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel(axis_label(metric))


def _usual(means: pd.Series) -> tuple[float, float]:
    """Return the range in which arms are drawn; an arm far off, which must not flatten the others, is at the edge."""
    low, high = float(means.quantile(0.25)), float(means.quantile(0.75))
    room = 2 * (high - low) or max(0.01, 0.1 * abs(high))
    return max(float(means.min()), low - room), min(float(means.max()), high + room)


def _seconds(axes: Axes, seconds: pd.Series) -> None:
    """Label a log axis of seconds with round numbers, at least two of them."""
    low, high = float(seconds.min()) / 1.3, float(seconds.max()) * 1.3
    rounds = [step * 10.0**power for power in range(-3, 7) for step in (1, 2, 5)]
    inside = [value for value in rounds if low <= value <= high]
    axes.set_xticks(inside, [f"{value:g}" for value in inside])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(low, high)


PANELS: dict[str, Panel] = {
    "rate": LinePanel("rate", "training rows kept (%)", 100),
    "time": TimePanel(),
    "dim": LinePanel("dim", "embedding dimension d"),
    "bars": BarPanel(),
    "ratio": RatioPanel(),
    "heat": HeatPanel(),
}
"""By the key `figure` of an experiment."""
