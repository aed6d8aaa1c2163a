"""Quality by sampling rate and compression ratio: a heat map for each arm and scheme, and the Pareto front."""

from typing import ClassVar

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullLocator

from cadc.reporting.columns import label
from cadc.reporting.drawn.palette import Palette
from cadc.reporting.drawn.panel import Panel, Part, differ

FULL = 1.0
"""Ratio at which full tables are drawn."""


class HeatPanel(Panel):
    """A cell for each rate (vertical) and ratio (horizontal), full tables at ratio 1; panels of a metric share colours.

    Cells on the Pareto front have a dot, the chosen one a frame, if the table says which these are.
    """

    columns: ClassVar[int] = 4

    def size(self, table: pd.DataFrame) -> tuple[float, float]:
        """Return width and height of a panel in inches."""
        return 3.3, 2.9

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

    def __call__(self, axes: Axes, rows: pd.DataFrame, metric: str, palette: Palette, alone: bool) -> None:
        """Draw the cells; those that no run can reach stay empty."""
        mean = f"{metric}_mean"
        rows = rows[rows["rate"].notna()].assign(at=rows.get("ratio", pd.Series(FULL, rows.index)).fillna(FULL))
        rates, ratios = sorted(rows["rate"].unique()), sorted(rows["at"].unique())
        values = np.full((len(rates), len(ratios)), np.nan)
        colours, low, high = _colours(palette.table, metric)
        for row in rows.to_dict("records"):
            y, x = rates.index(row["rate"]), ratios.index(row["at"])
            values[y, x] = row[mean]
            is_dark = (row[mean] - low) / (high - low) < 0.6 if high > low else False
            text = f"{row[mean]:.3f}".removeprefix("0") + ("•" if row.get("front") is True else "")
            axes.text(x, y, text, ha="center", va="center", fontsize=7.5, color="white" if is_dark else "black")
            if row.get("chosen") is True:
                axes.add_patch(Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, fill=False, color="tab:red", linewidth=2))
        axes.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto", origin="lower")
        axes.set_xticks(range(len(ratios)), [f"{ratio:g}" for ratio in ratios])
        axes.set_yticks(range(len(rates)), [f"{100 * rate:g}" for rate in rates])
        axes.grid(False)
        axes.set_xlabel(f"ratio of compression ({label(metric)})")
        axes.set_ylabel("training rows kept (%)")


class FrontPanel(Panel):
    """Network rows against the served bytes of tables, or of whole models, on log axes, coloured by the metric."""

    def __call__(self, axes: Axes, rows: pd.DataFrame, metric: str, palette: Palette, alone: bool) -> None:
        """Draw a point for each row of the table; points of the front are filled, the chosen point has a ring."""
        size = "model_bytes" if "model_bytes" in rows else "embedding_bytes"
        rows = rows[rows["rows_kept"].notna() & rows[size].notna()]
        colours, low, high = _colours(palette.table, metric)
        x, y = rows["rows_kept"].astype(float), rows[size].astype(float) / 1024
        on = rows["front"].fillna(False).astype(bool)
        axes.scatter(x[~on], y[~on], s=12, facecolors="none", edgecolors="0.6", label="dominated")
        value = rows.loc[on, f"{metric}_mean"]
        axes.scatter(x[on], y[on], s=30, c=value, cmap=colours, vmin=low, vmax=high, label="on the front")
        chosen = rows["chosen"].fillna(False).astype(bool)
        if chosen.any():
            axes.scatter(
                x[chosen], y[chosen], s=110, facecolors="none", edgecolors="tab:red", linewidths=1.8, label="chosen"
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        n_rows = sorted(x.unique())
        axes.set_xticks(n_rows, [f"{n / 1000:.3g}k" if n >= 1000 else f"{n:g}" for n in n_rows])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("rows that the network trains on")
        axes.set_ylabel("KiB of the whole model" if size == "model_bytes" else "KiB of tables")


def _colours(table: pd.DataFrame, metric: str) -> tuple[mpl.colors.Colormap, float, float]:
    """Return the colour map of a metric and the values at its ends, which all panels share."""
    values = table[f"{metric}_mean"].dropna()
    return mpl.colormaps["viridis"], float(values.min()), float(values.max())
