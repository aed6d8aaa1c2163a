"""A number against a column of a long table: a line and a band for each arm, as of segments or of frequencies."""

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cadc.reporting.drawn.marks import plain
from cadc.reporting.drawn.palette import Palette
from cadc.reporting.drawn.panel import Block, Panel, Part, axis_label
from cadc.reporting.drawn.scales import limit, log_axis


class CurvePanel(Panel):
    """Numbers against a column; the column `part` of the table says which lines share a panel.

    Parameters
    ----------
    column : column of the table, the horizontal axis.
    name : its label.
    labels : labels of the vertical axis by metric; of others that of the metric.
    is_log : whether the horizontal axis is logarithmic, and the vertical one where it spans a factor of eight; else
        both are linear, the horizontal one with whole numbers.
    """

    columns: ClassVar[int] = 3

    def __init__(self, column: str, name: str, labels: Mapping[str, str] | None = None, is_log: bool = False) -> None:
        self.column, self.name, self.labels, self.is_log = column, name, labels or {}, is_log

    def note(self, table: pd.DataFrame) -> str:
        """Return what the marks are, and what the table says of what is drawn, its attribute `drawn`."""
        return " ".join(filter(None, [super().note(table), table.attrs.get("drawn", "")]))

    def blocks(self, table: pd.DataFrame) -> list[Block]:
        """Return a block for each metric: its panels are the parts that have it."""
        blocks = []
        for metric in table.attrs["metrics"]:
            known = table[table[f"{metric}_mean"].notna()]
            parts = [Part(str(part), rows, self) for part, rows in known.groupby("part", sort=False)]
            blocks += [Block(metric, parts)] if parts else []
        return blocks

    def __call__(self, axes: Axes, part: Part, metric: str, palette: Palette, width: float) -> None:
        """Draw a line for each arm, with its interval as a band."""
        mean, ends = part.rows[f"{metric}_mean"], []
        for arm, own in part.rows.groupby("arm", sort=False):
            own = own.sort_values(self.column)
            x, y = own[self.column].astype(float), own[f"{metric}_mean"]
            half = own[f"{metric}_ci"].fillna(0) if f"{metric}_ci" in own else 0 * y
            style = palette.points(str(arm)) | {"markersize": 2.5}
            axes.plot(x, y, label=str(arm), **style)
            axes.fill_between(x, y - half, y + half, color=style["color"], alpha=0.12, linewidth=0)
            ends += [*(y - half), *(y + half)]
        axes.set_xlabel(self.name)
        axes.set_ylabel(self.labels[metric] if metric in self.labels else axis_label(metric))
        if self.is_log and mean.max() > 8 * mean.min() > 0:
            axes.set_yscale("log", base=2)
            axes.yaxis.set_major_formatter(lambda value, _: plain(value, 4))
        else:
            limit(axes, ends, mean)
        if self.is_log:
            log_axis(axes, [value for value in part.rows[self.column].astype(float) if value > 0], width)
        else:
            n_ticks = max(2, min(8, int(width / 0.35)))
            axes.xaxis.set_major_locator(MaxNLocator(n_ticks, integer=True, steps=[1, 2, 5, 10]))


class PlainCurvePanel(CurvePanel):
    """Lines that have no interval."""

    interval: ClassVar[str] = ""
