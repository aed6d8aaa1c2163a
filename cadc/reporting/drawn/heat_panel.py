"""Quality by sampling rate and compression ratio: a heat map for each arm and scheme, and the Pareto front."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullLocator

from cadc.reporting.columns import higher_is_better
from cadc.reporting.drawn.palette import CHOSEN, Palette
from cadc.reporting.drawn.panel import Panel, Part, axis_label, differ
from cadc.reporting.drawn.style import SMALL

FULL = 1.0
"""Ratio at which full tables are drawn."""


class HeatPanel(Panel):
    """A cell for each rate (vertical) and ratio (horizontal), full tables at ratio 1; all share one colour bar.

    Cells on the Pareto front have a dot, the chosen one a frame, if the table says which these are.
    """

    sharex: ClassVar[bool] = True
    columns: ClassVar[int] = 3
    interval: ClassVar[str] = ""

    def height(self, part: Part, width: float) -> float:
        """Return the height of a panel in inches, labels included."""
        return 0.55 + 0.26 * max(3, part.rows["rate"].nunique()) if part.panel is self else 1.6

    def names_width(self, table: pd.DataFrame) -> float:
        """Return how wide labels and colour bar are, in inches."""
        return 1.1

    def parts(self, table: pd.DataFrame) -> list[Part]:
        """Return a part for each data set, arm and scheme, with the arm's full tables, and each data set's front."""
        if "ratio" not in table:
            return [Part(part.title, part.rows, self) for part in super().parts(table)]
        found = []
        for dataset, own in table.groupby("dataset", sort=False):
            said = f"{dataset}: " if differ(table["dataset"]) else ""
            for (arm, embedding), rows in own[own["ratio"].notna()].groupby(["arm", "embedding"], sort=False):
                full = own[(own["arm"] == arm) & own["ratio"].isna()]
                found.append(Part(f"{said}{arm}, {embedding}", pd.concat([full, rows]), self))
            if "front" in own:
                found.append(Part(f"{said}rows and bytes", own, FrontPanel()))
        return found

    def __call__(self, axes: Axes, part: Part, metric: str, palette: Palette, width: float) -> None:
        """Draw the cells; those that no run can reach stay empty."""
        mean = f"{metric}_mean"
        rows = part.rows[part.rows["rate"].notna()]
        rows = rows.assign(at=rows.get("ratio", pd.Series(FULL, rows.index)).fillna(FULL))
        whole = palette.table.get("ratio", pd.Series(dtype=float)).dropna()
        rates, ratios = sorted(rows["rate"].unique()), sorted({FULL, *rows["at"], *whole})
        values = np.full((len(rates), len(ratios)), np.nan)
        if not rates:
            axes.set_axis_off()
            return
        colours, normal = colours_of(palette.table, metric)
        for row in rows.to_dict("records"):
            y, x = rates.index(row["rate"]), ratios.index(row["at"])
            values[y, x] = row[mean]
            is_dark = np.dot(colours.to_rgba(row[mean])[:3], (0.3, 0.59, 0.11)) < 0.5
            ink = "white" if is_dark else "black"
            axes.text(x, y, _short(row[mean]), ha="center", va="center", fontsize=SMALL, color=ink)
            if row.get("front") is True:
                axes.plot(x + 0.36, y + 0.3, ".", color=ink, markersize=4)
            if row.get("chosen") is True:
                frame = Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, fill=False, color=CHOSEN, linewidth=1.8, zorder=3)
                axes.add_patch(frame)
        axes.imshow(values, cmap=colours.cmap, norm=normal, aspect="auto", origin="lower")
        axes.set_xticks(range(len(ratios)), [f"{ratio:g}" for ratio in ratios])
        axes.set_yticks(range(len(rates)), [f"{100 * rate:g}" for rate in rates])
        axes.set_xlim(-0.5, len(ratios) - 0.5)
        axes.grid(False)
        axes.set_xlabel("compression asked for")
        axes.set_ylabel("rows kept (%)")

    def note(self, table: pd.DataFrame) -> str:
        """Return what numbers and marks are."""
        marks = " Cells with a dot are on the front of quality, rows and bytes." if "front" in table else ""
        framed = " The chosen one is framed." if "chosen" in table and table["chosen"].any() else ""
        return super().note(table) + marks + framed

    def finish(self, figure: Figure, panels: Sequence[Axes], metric: str, palette: Palette) -> None:
        """Draw the colour bar of a metric, with points where values lie beyond it."""
        colours, normal = colours_of(palette.table, metric)
        values = palette.table[f"{metric}_mean"].dropna()
        beyond = bool(values.min() < normal.vmin), bool(values.max() > normal.vmax)
        ends: Any = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
        bar = figure.colorbar(colours, ax=list(panels), extend=ends[beyond], aspect=40, fraction=0.03, pad=0.01)
        bar.set_label(axis_label(metric))
        bar.outline.set_visible(False)


class FrontPanel(Panel):
    """Network rows against the served bytes of tables, or of whole models, on log axes, coloured by the metric."""

    def __call__(self, axes: Axes, part: Part, metric: str, palette: Palette, width: float) -> None:
        """Draw a point for each row of the table; points of the front are filled, the chosen point has a ring."""
        rows = part.rows
        size = "model_bytes" if "model_bytes" in rows else "embedding_bytes"
        rows = rows[rows["rows_kept"].notna() & rows[size].notna()]
        colours, normal = colours_of(palette.table, metric)
        x, y = rows["rows_kept"].astype(float), rows[size].astype(float) / 1024
        on = rows["front"].fillna(False).astype(bool)
        axes.scatter(x[~on], y[~on], s=8, facecolors="none", edgecolors="0.6", linewidths=0.7, label="dominated")
        value = rows.loc[on, f"{metric}_mean"]
        edge: dict[str, Any] = {"edgecolors": "0.2", "linewidths": 0.4}
        axes.scatter(x[on], y[on], s=18, c=value, cmap=colours.cmap, norm=normal, label="on the front", **edge)
        chosen = rows["chosen"].fillna(False).astype(bool)
        if chosen.any():
            ring: dict[str, Any] = {"facecolors": "none", "edgecolors": CHOSEN, "linewidths": 1.5}
            axes.scatter(x[chosen], y[chosen], s=70, label="chosen", **ring)
        axes.set_xscale("log")
        axes.set_yscale("log")
        n_rows = sorted(x.unique())
        axes.set_xticks(n_rows, [f"{n / 1000:.3g}k" if n >= 1000 else f"{n:g}" for n in n_rows])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("rows of the network")
        axes.set_ylabel("model (KiB)" if size == "model_bytes" else "tables (KiB)")


def colours_of(table: pd.DataFrame, metric: str) -> tuple[ScalarMappable, Normalize]:
    """Return the colours of a metric and their scale, which all panels share: bright is better.

    The scale covers the better half and as much again below it, so that a few bad cells do not flatten the others.
    """
    values = table[f"{metric}_mean"].dropna()
    sign = 1 if higher_is_better(metric) else -1
    good = sign * values
    worst = max(float(good.min()), float(good.median() - 2 * (good.max() - good.median())))
    ends = sorted((sign * worst, sign * float(good.max())))
    if ends[0] == ends[1]:
        ends = [ends[0] - 0.01, ends[1] + 0.01]
    normal = Normalize(ends[0], ends[1])
    return ScalarMappable(normal, "viridis" if sign == 1 else "viridis_r"), normal


def _short(value: float) -> str:
    """Return a value with three decimals, without the zero before them."""
    text = f"{value:.3f}"
    return text.removeprefix("0") if text.startswith("0.") else text
