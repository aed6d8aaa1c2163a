"""Base class of panels: one metric of a part of a table."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cadc.evaluation.prefixes import SEGMENTS, VALIDATION
from cadc.reporting.columns import label
from cadc.reporting.drawn.palette import Palette


def axis_label(metric: str) -> str:
    """Return the label of a metric on an axis."""
    return label(metric) if metric.startswith((VALIDATION, SEGMENTS)) else f"test {label(metric)}"


class Panel(ABC):
    """Draws quality against another column, one line for each arm.

    Attributes
    ----------
    sharey, sharex : whether the panels of a block share their axes.
    columns : most panels side by side.
    stacked : whether blocks of a single panel are below one another, because their lines differ.
    interval : what an interval is drawn as; empty draws none.
    """

    sharey: ClassVar[bool] = False
    sharex: ClassVar[bool] = False
    columns: ClassVar[int] = 3
    stacked: ClassVar[bool] = False
    interval: ClassVar[str] = "band"

    def palette(self, table: pd.DataFrame) -> Palette:
        """Return the colours of the arms."""
        return Palette(table)

    def parts(self, table: pd.DataFrame) -> "list[Part]":
        """Return the parts of a table that have a panel for each metric: its data sets."""
        return [Part(str(name), rows, self) for name, rows in table.groupby("dataset", sort=False)]

    def blocks(self, table: pd.DataFrame) -> "list[Block]":
        """Return the blocks of a figure, one below the other: a metric each."""
        metrics = [name for name in table.attrs["metrics"] if table[f"{name}_mean"].notna().any()]
        return [Block(name, self.parts(table)) for name in metrics]

    def height(self, part: "Part", width: float) -> float:
        """Return the height of a panel in inches, labels included."""
        return 0.62 * width + 0.35

    def names_width(self, table: pd.DataFrame) -> float:
        """Return how wide the names at the left of a block are, in inches."""
        return 0.5

    def note(self, table: pd.DataFrame) -> str:
        """Return what the marks are: means over how many seeds, and what their intervals are."""
        counts = sorted({int(count) for count in table["seeds"].dropna() if count > 0})
        if not counts or counts == [1]:
            return "One seed each: no intervals."
        several = [count for count in counts if count > 1]
        over = f"{several[0]} seeds" if len(several) == 1 else f"{several[0]} to {several[-1]} seeds"
        single = "" if counts[0] > 1 else ", or one seed"
        none = " (one seed has none)" if single else ""
        shown = f"; {self.interval}s are 95 % t intervals of the mean{none}" if self.interval else ""
        return f"Means over {over}{single}{shown}."

    @abstractmethod
    def __call__(self, axes: Axes, part: "Part", metric: str, palette: Palette, width: float) -> None:
        """Draw one part.

        Parameters
        ----------
        axes : of the panel.
        part : what is drawn.
        metric : name of the block.
        palette : of the figure.
        width : of the panel in inches.
        """

    def finish(self, figure: Figure, panels: Sequence[Axes], metric: str, palette: Palette) -> None:
        """Add what the panels of a block have in common; nothing unless a kind has such a thing."""
        return


@dataclass(frozen=True)
class Part:
    """Rows of a table that share a panel.

    Parameters
    ----------
    title : title of the panel, shown if there are several parts.
    rows : rows of the table.
    panel : panel that draws them.
    focus : value of the palette's column that the panel is about, where others are its background.
    is_first : whether what stands once in a block stands here.
    whole : rows of all panels that share the lines of this one; None stands for its own.
    """

    title: str
    rows: pd.DataFrame
    panel: Panel
    focus: str | None = None
    is_first: bool = True
    whole: pd.DataFrame | None = None


@dataclass(frozen=True)
class Block:
    """Panels of one metric.

    Parameters
    ----------
    metric : its name.
    parts : a panel each.
    """

    metric: str
    parts: list[Part]


def differ(values: pd.Series) -> bool:
    """Tell whether there are several values."""
    return len(values.unique()) > 1
