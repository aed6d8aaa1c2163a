"""The figure of `scale`: seconds and memory of each stage against the number of rows."""

from pathlib import Path

import matplotlib as mpl
import pandas as pd

from cadc.reporting.drawn.palette import style_of
from cadc.reporting.drawn.style import DPI, STYLE, WIDTH

mpl.use("Agg")
from matplotlib import pyplot as plt

PANELS = {"cpu_s": "processor seconds", "memory_mb": "peak memory (MB)", "disk_mb": "left on disk (MB)"}


def draw(folder: Path, table: pd.DataFrame, extrapolated_rows: int) -> None:
    """Write `figure.svg` and `figure.png`.

    Parameters
    ----------
    folder : where the files go.
    table : costs by `rows` and `stage`.
    extrapolated_rows : number of rows that was not measured; it is drawn hollow, at the end of a dashed line.
    """
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(PANELS), figsize=(WIDTH, 2.6), layout="constrained")
        for panel, (cost, title) in zip(axes, PANELS.items(), strict=True):
            for number, (stage, group) in enumerate(table.groupby("stage", sort=False)):
                own = group[group[cost] > 0]
                measured, style = own[own["rows"] != extrapolated_rows], style_of(number)
                panel.plot(measured["rows"], measured[cost], label=str(stage), **style)
                panel.plot(own["rows"][-2:], own[cost][-2:], linestyle="--", markerfacecolor="none", **style)
            panel.set_xscale("log")
            if (table[cost] > 0).any():
                panel.set_yscale("log")
            panel.set_xlabel("rows")
            panel.set_title(title)
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
        figure.savefig(folder / "figure.svg", metadata={"Date": None})
        figure.savefig(folder / "figure.png", dpi=DPI, metadata={"Software": None})
        plt.close(figure)
