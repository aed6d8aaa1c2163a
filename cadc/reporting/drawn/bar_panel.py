"""Arms below one another, each with its mean and interval."""

from dataclasses import replace
from typing import ClassVar

import pandas as pd
from matplotlib.axes import Axes

from cadc.reporting.drawn.marks import Marks, group_of, groups_of
from cadc.reporting.drawn.palette import Palette
from cadc.reporting.drawn.panel import Panel, Part, axis_label
from cadc.reporting.drawn.scales import usual_range


class BarPanel(Panel):
    """Arms below one another, each with its mean and interval; colours and markers show rates.

    An arm far from the others is an arrow at the edge, with its value.
    """

    sharey: ClassVar[bool] = True
    interval: ClassVar[str] = "bar"

    def height(self, part: Part, width: float) -> float:
        """Return the height of a panel in inches: all arms of the table and the axis."""
        return _marks(part.rows if part.whole is None else part.whole).height + 0.4

    def names_width(self, table: pd.DataFrame) -> float:
        """Return how wide the names of the arms are, in inches."""
        return _marks(table).width + 0.1

    def parts(self, table: pd.DataFrame) -> list[Part]:
        """Return a part for each data set; each knows the arms of the others, which share its lines."""
        return [replace(part, whole=table) for part in super().parts(table)]

    def __call__(self, axes: Axes, part: Part, metric: str, palette: Palette, width: float) -> None:
        """Draw a mark and its interval for each arm and rate."""
        mean, half = part.rows[f"{metric}_mean"], part.rows[f"{metric}_ci"]
        rows = pd.DataFrame(
            {
                "arm": part.rows["arm"].astype(str),
                "group": part.rows["rate"].map(group_of, na_action=None),
                "value": mean,
                "low": mean - half,
                "high": mean + half,
                "hollow": False,
            }
        )
        shown = usual_range(rows["value"], pd.concat([rows["low"], rows["high"]]))
        _marks(palette.table).draw(axes, rows, *shown, width)
        axes.set_xlabel(axis_label(metric))


def _marks(table: pd.DataFrame) -> Marks:
    rows = pd.DataFrame({"arm": table["arm"].astype(str), "group": table["rate"].map(group_of, na_action=None)})
    return Marks.of(rows, groups_of(table))
