"""The figure of an experiment: a panel a metric and data set, arms as lines, points or bars, controls as levels."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd

mpl.use("Agg")
from matplotlib import pyplot as plt

from cadc.reporting.palette import Palette
from cadc.reporting.panels import PANELS

STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "svg.hashsalt": "cadc",  # without it, element ids differ at each writing
    "svg.fonttype": "none",
}


def write_figure(kind: str, title: str, table: pd.DataFrame, folder: Path) -> None:
    """Write `figure.svg` and `figure.png`: a row of panels a metric, a column a data set, with one legend.

    Means over seeds; bands and error bars are 95 % t intervals, which a single seed does not have.

    Parameters
    ----------
    kind : a key of `PANELS`: quality against `rate`, `time` or `dim`, or arms as `bars`.
    title : of the figure.
    table : as `build_table` returns it.
    folder : where the files go.
    """
    draw = PANELS[kind]
    metrics = [name for name in table.attrs["metrics"] if table[f"{name}_mean"].notna().any()]
    datasets = list(table["dataset"].unique())
    palette = Palette(table)
    width, height = draw.size(table)
    # A single data set's metrics stand side by side.
    shape = (len(metrics), len(datasets)) if len(datasets) > 1 else (1, len(metrics))
    with mpl.rc_context(STYLE):
        size = (width * shape[1] + draw.beside, height * shape[0] + 0.3)
        figure, grid = plt.subplots(*shape, figsize=size, layout="constrained", squeeze=False, sharey=draw.sharey)
        pairs = [(metric, dataset) for metric in metrics for dataset in datasets]
        for (metric, dataset), axes in zip(pairs, grid.ravel(), strict=True):
            rows = table[(table["dataset"] == dataset) & table[f"{metric}_mean"].notna()]
            draw(axes, rows, metric, palette, alone=len(pairs) == 1)
            if draw.sharey or dataset != datasets[0]:
                axes.set_ylabel("")
        if len(datasets) > 1:
            for dataset, axes in zip(datasets, grid[0], strict=True):
                axes.set_title(dataset)
        figure.suptitle(title if len(datasets) > 1 else f"{title} ({datasets[0]})")
        _legend(figure, grid.ravel())
        figure.savefig(folder / "figure.svg", metadata={"Date": None})
        figure.savefig(folder / "figure.png", dpi=160, metadata={"Software": None})
        plt.close(figure)


def _legend(figure: Any, panels: Any) -> None:
    """Put one legend beside the panels, each arm once."""
    handles: dict[str, Any] = {}
    for axes in panels:
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(text, handle)
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside right center", frameon=False)
