"""Base class of panels: one metric of a part of a table."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
from matplotlib.axes import Axes

from cadc.evaluation.prefixes import VALIDATION
from cadc.reporting.columns import label
from cadc.reporting.drawn.palette import Palette


def axis_label(metric: str) -> str:
    """Return the label of a metric on an axis."""
    return label(metric) if metric.startswith(VALIDATION) else f"test {label(metric)}"


class Panel(ABC):
    """Draws quality against another column, one line for each arm.

    Attributes
    ----------
    beside : width of the legend in inches.
    sharey : whether panels of a row share their y axis.
    by : column of the table whose values have a colour and a marker each.
    columns : most parts side by side.
    """

    beside: ClassVar[float] = 2.4
    sharey: ClassVar[bool] = False
    by: ClassVar[str] = "arm"
    columns: ClassVar[int] = 100

    def parts(self, table: pd.DataFrame) -> "list[Part]":
        """Return the parts of a table that have a panel for each metric: its data sets."""
        return [Part(str(name), rows, self) for name, rows in table.groupby("dataset", sort=False)]

    def size(self, table: pd.DataFrame) -> tuple[float, float]:
        """Return width and height of a panel in inches."""
        return (4.8, 3.9) if len(table["dataset"].unique()) == 1 else (3.6, 3.3)

    @abstractmethod
    def __call__(self, axes: Axes, rows: pd.DataFrame, metric: str, palette: Palette, alone: bool) -> None:
        """Draw the rows of one part; `alone` says whether this is the only panel."""


@dataclass(frozen=True)
class Part:
    """Rows of a table that share a panel.

    Parameters
    ----------
    title : title of the panel, shown if there are several parts.
    rows : rows of the table.
    panel : panel that draws them.
    """

    title: str
    rows: pd.DataFrame
    panel: Panel


def limit(axes: Axes, ends: list[float], means: pd.Series) -> None:
    """Set the y axis so that all means show; an interval much wider than their range does not flatten them."""
    low, high = float(means.min()), float(means.max())
    room = 0.3 * (high - low) or max(0.01, 0.05 * abs(high))
    bottom, top = max(min(ends, default=low), low - room), min(max(ends, default=high), high + room)
    margin = 0.05 * (top - bottom) or room
    axes.set_ylim(bottom - margin, top + margin)


def is_near_to(level: float, means: pd.Series) -> bool:
    """Tell whether a level is within the range of the lines, or at most half its width away."""
    room = 0.5 * float(means.max() - means.min()) or 0.1 * abs(level)
    return bool(means.min() - room <= level <= means.max() + room)


def differ(values: pd.Series) -> bool:
    """Tell whether there are several values."""
    return len(values.unique()) > 1
