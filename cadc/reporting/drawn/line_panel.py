"""Quality against a column with few values: a line and a band for each arm, levels of those that have no such value."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from cadc.reporting.drawn.palette import LINES, Palette, levels_of
from cadc.reporting.drawn.panel import Panel, Part, axis_label
from cadc.reporting.drawn.scales import edge_notes, is_near_to, limit, log_axis


class LinePanel(Panel):
    """Quality against a column with few values on a log axis; controls are horizontal lines.

    A control so far off that it would flatten the lines is an arrow at the edge, with its value.

    Parameters
    ----------
    column : column of the table.
    name : label of the axis.
    factor : factor by which values are multiplied for the axis.
    """

    def __init__(self, column: str, name: str, factor: float = 1) -> None:
        self.column, self.name, self.factor = column, name, factor

    def __call__(self, axes: Axes, part: Part, metric: str, palette: Palette, width: float) -> None:
        """Draw a line with its band for each arm, and the levels."""
        rows, mean, half = part.rows, f"{metric}_mean", f"{metric}_ci"
        levels = self._levels(rows)
        ends: list[float] = []
        points = [pd.DataFrame({"x": [], "y": []}, dtype=float)]
        for name, own, style in self._lines(rows[~rows["arm"].isin(levels)], palette):
            own = own.sort_values(self.column)
            x, y, spread = self.factor * own[self.column].astype(float), own[mean], own[half].fillna(0)
            axes.plot(x, y, label=name, **style)
            axes.fill_between(x, y - spread, y + spread, color=style["color"], alpha=0.15, linewidth=0)
            ends += [*(y - spread), *(y + spread)]
            points.append(pd.DataFrame({"x": x, "y": y}))
        drawn = pd.concat(points)
        found = [(str(arm), own) for arm, own in rows[rows["arm"].isin(levels)].groupby("arm", sort=False)]
        found = [*self._full_data(rows, levels), *found]
        values = [(arm, float(own[mean].iloc[0])) for arm, own in found]
        near = [value for _, value in values if drawn.empty or is_near_to(value, drawn["y"])]
        shown = pd.Series([*drawn["y"], *near])
        limit(axes, [*ends, *near], shown)
        for arm, value in values:
            axes.axhline(value, color="0.35", linestyle=palette.line(arm), linewidth=1, label=arm)
        axes.set_xlabel(self.name)
        axes.set_ylabel(axis_label(metric))
        if not drawn.empty:
            log_axis(axes, list(drawn["x"]), width)
            edge_notes(axes, values, drawn, self.height(part, width) - 0.5)

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

    def _lines(self, rows: pd.DataFrame, palette: Palette) -> Iterator[tuple[str, pd.DataFrame, dict[str, Any]]]:
        """Yield name, rows and style of each line; an arm has a line for each rate unless rates are on the x axis."""
        for arm, own in rows.groupby("arm", sort=False):
            style = palette.points(str(arm))
            rates = sorted(own["rate"].dropna().unique())
            if self.column == "rate" or len(rates) < 2:
                yield str(arm), own, style
                continue
            for rate, line in zip(rates, cycle(["-", *LINES]), strict=False):
                yield f"{arm}, {100 * rate:g} %", own[own["rate"] == rate], style | {"linestyle": line}
