"""The standard figure: a metric against the sampling rate, one line an arm."""

from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd

mpl.use("Agg")
from matplotlib import pyplot as plt

STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "svg.hashsalt": "cadc",  # without it, element ids differ at each writing
    "svg.fonttype": "none",
}


def write_rate_figure(title: str, table: pd.DataFrame, folder: Path) -> None:
    """Write `figure.svg` and `figure.png`: test AUC against sampling rate; a band is ± one standard deviation.

    Arms without a rate are horizontal lines, and so is plain sampling at its highest rate.

    Parameters
    ----------
    title : of the figure.
    table : as `build_table` returns it.
    folder : where the files go.
    """
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7.2, 4.4), layout="constrained")
        colours = cycle(plt.get_cmap("tab10").colors)  # type: ignore[attr-defined]
        for arm, rows in table[table["rate"].notna()].groupby("arm", sort=False):
            rows = rows.sort_values("rate")
            percent, mean, spread = 100 * rows["rate"], rows["auc_mean"], rows["auc_std"].fillna(0)
            colour = next(colours)
            axes.plot(percent, mean, marker="o", markersize=4, color=colour, label=str(arm))
            axes.fill_between(percent, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0)
        for arm, level, style in _levels(table):
            axes.axhline(level, color="0.35", linestyle=style, linewidth=1.1, label=f"{arm} ({level:.4f})")
        axes.set_xscale("log")
        rates = sorted(100 * table["rate"].dropna().unique())
        axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
        axes.minorticks_off()
        axes.set_xlabel("training rows kept (%)")
        axes.set_ylabel("test AUC")
        axes.set_title(title)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
        figure.savefig(folder / "figure.svg", metadata={"Date": None})
        figure.savefig(folder / "figure.png", dpi=160, metadata={"Software": None})
        plt.close(figure)


def _levels(table: pd.DataFrame) -> list[tuple[str, float, Any]]:
    """Return name, AUC and line style of the horizontal lines."""
    levels: list[tuple[str, float]] = []
    plain = table[(table["initializer"] == "random") & (table["rate"] == table["rate"].max())]
    if len(plain):
        name = "full data" if plain["rate"].max() == 1 else "most data"
        levels.append((f"{plain['arm'].iloc[0]}, {name}", plain["auc_mean"].max()))
    without_rate = table[table["rate"].isna()]
    levels += list(zip(without_rate["arm"].astype(str), without_rate["auc_mean"].astype(float), strict=True))
    styles: list[Any] = ["--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3))]
    return [(name, mean, styles[index % len(styles)]) for index, (name, mean) in enumerate(levels)]
