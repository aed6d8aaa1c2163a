"""Arms below one another, each with a mark and its interval for each rate; what is far off is an arrow at the edge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cadc.reporting.drawn.lettering import height_of, width_of, wrapped
from cadc.reporting.drawn.palette import style_of
from cadc.reporting.drawn.style import SMALL

STEP = 0.125
"""Height of a mark in inches; an arrow's value is as high."""
BETWEEN = 0.05
"""Inches between arms."""
MOST_WIDE = 2.3
"""Inches that names of arms take at most; longer ones are broken into lines."""
NO_SAMPLE = "no sample"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Marks:
    """Places of the arms, and of their rates, in inches from the top.

    Parameters
    ----------
    names : by arm, its name on as many lines as it needs.
    middle : by arm, its place.
    places : by arm and group, the place of the mark.
    styles : by group, colour and marker.
    bounds : upper and lower end of each arm.
    """

    names: Mapping[str, str]
    middle: Mapping[str, float]
    places: Mapping[tuple[str, str], float]
    styles: Mapping[str, dict[str, Any]]
    bounds: Sequence[tuple[float, float]]

    @classmethod
    def of(cls, rows: pd.DataFrame, groups: Sequence[str]) -> "Marks":
        """Return the places of rows.

        Parameters
        ----------
        rows : columns `arm` and `group`; arms keep their order.
        groups : all groups of the figure, which have a style each.
        """
        names = {arm: wrapped(arm, MOST_WIDE, SMALL) for arm in dict.fromkeys(rows["arm"])}
        middle: dict[str, float] = {}
        places: dict[tuple[str, str], float] = {}
        bounds: list[tuple[float, float]] = []
        at = 0.0
        for arm, own in ((str(arm), own) for arm, own in rows.groupby("arm", sort=False)):
            present = [group for group in groups if (own["group"] == group).any()]
            height = BETWEEN + max(STEP * len(present), height_of(names[arm].count("\n") + 1, SMALL))
            bounds.append((at, at + height))
            middle[arm] = at + height / 2
            for number, group in enumerate(present):
                places[arm, group] = middle[arm] + STEP * (number - (len(present) - 1) / 2)
            at += height
        styles = {group: style_of(number) for number, group in enumerate(groups)}
        return cls(names, middle, places, styles, bounds)

    @property
    def height(self) -> float:
        """Height of all arms in inches."""
        return self.bounds[-1][1] if self.bounds else 0.0

    @property
    def width(self) -> float:
        """Width of the names in inches."""
        return max((width_of(line, SMALL) for name in self.names.values() for line in name.split("\n")), default=0)

    def draw(self, axes: Axes, rows: pd.DataFrame, low: float, high: float, width: float) -> None:
        """Draw the marks of a panel.

        Parameters
        ----------
        axes : of the panel.
        rows : columns `arm`, `group`, `value`, `low` and `high` (empty for none), `hollow`.
        low, high : range that is shown; marks beyond it are arrows at the edge, with their value.
        width : of the panel in inches.
        """
        margin = 0.06 * (high - low) or max(0.01, 0.05 * abs(high))
        axes.set_xlim(low - margin, high + margin)
        for group, style in self.styles.items():
            axes.plot([], [], label=group, linestyle="none", **style)
        for name, own in rows.groupby("group", sort=False):
            style = self.styles[str(name)] | {"linestyle": "none"}
            for row in own.to_dict("records"):
                y, value = self.places[row["arm"], str(name)], row["value"]
                if low <= value <= high:
                    if pd.notna(row["low"]):
                        self._interval(axes, row["low"], row["high"], y, style["color"])
                    fill = {"markerfacecolor": "white"} if row["hollow"] else {}
                    axes.plot(value, y, **style | fill)
                else:
                    self._arrow(axes, value, y, style["color"], is_right=value > high)
        axes.set_yticks([*self.middle.values()], [self.names[arm] for arm in self.middle])
        axes.set_ylim(self.height, 0)
        axes.tick_params("y", length=0)
        axes.grid(axis="y", visible=False)
        # A shade behind every second arm leads the eye to its name.
        for top, bottom in self.bounds[1::2]:
            axes.axhspan(top, bottom, color="0.96", linewidth=0, zorder=0)
        n_ticks = max(2, min(5, int(width / 0.55)))
        axes.xaxis.set_major_locator(MaxNLocator(n_ticks, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(lambda value, _: plain(value))

    def _interval(self, axes: Axes, low: float, high: float, y: float, colour: str) -> None:
        """Draw an interval; an end beyond the panel is an arrow at its edge."""
        left, right = axes.get_xlim()
        axes.plot([max(low, left), min(high, right)], [y, y], color=colour, linewidth=1)
        for edge, marker, is_cut in ((left, "<", low < left), (right, ">", high > right)):
            if is_cut:
                axes.plot(edge, y, marker, color=colour, markersize=3, clip_on=False)

    def _arrow(self, axes: Axes, value: float, y: float, colour: str, is_right: bool) -> None:
        edge, sign, side = (1.0, -1, "right") if is_right else (0.0, 1, "left")
        axes.annotate(
            plain(value, 3),
            (edge, y),
            (sign * 12, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize=SMALL,
            color="0.2",
            arrowprops={"arrowstyle": "-|>", "color": colour, "shrinkA": 0, "shrinkB": 0, "linewidth": 1},
        )


def plain(value: float, digits: int = 6) -> str:
    """Return a number with some digits, without an exponent as long as it has at most six decimals.

    >>> plain(-0.00005), plain(0.1), plain(1234567.0)
    ('\N{MINUS SIGN}0.00005', '0.1', '1.23457e+06')
    """
    text = f"{value:.{digits}g}"
    if "e-" in text and abs(value) >= 1e-6:
        text = f"{value:.7f}".rstrip("0")
    return text.replace("-", MINUS)


def group_of(rate: float | None) -> str:
    """Return the name of the group of a sampling rate; those without a sample have one, too."""
    return NO_SAMPLE if rate is None or pd.isna(rate) else f"rate {100 * rate:g} %"


def groups_of(table: pd.DataFrame) -> list[str]:
    """Return the groups of a table: its rates, the lowest first."""
    rates = [group_of(rate) for rate in sorted(table["rate"].dropna().unique())]
    return [*rates, *([NO_SAMPLE] if table["rate"].isna().any() else [])]
