"""The figure of an experiment: a panel for each metric and part of the table, such as a data set, and one legend."""

import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from cadc import escape
from cadc.reporting.drawn.palette import Palette
from cadc.reporting.drawn.panels import PANELS

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
    """Write `figure.svg` and `figure.png`: a row of panels for each metric, a column for each part, and one legend.

    Means over seeds; bands and error bars are 95 % t intervals, which a single seed does not have.

    Parameters
    ----------
    kind : a key of `PANELS`: quality against `rate`, `time`, `dim` or `ratio`, arms as `bars`, or
        rates by ratios as a `heat` map.
    title : title of the figure.
    table : as `build_table` returns it.
    folder : folder of the files.
    """
    draw = PANELS[kind]
    table = _drawn(table)
    metrics = [name for name in table.attrs["metrics"] if table[f"{name}_mean"].notna().any()]
    parts = draw.parts(table)
    datasets = list(table["dataset"].unique())
    palette = Palette(table, draw.by)
    width, height = draw.size(table)
    # The metrics of a single part are side by side.
    n_beside = min(len(parts), draw.columns) if len(parts) > 1 else len(metrics)
    n_below = len(metrics) * -(-len(parts) // n_beside) if len(parts) > 1 else 1
    with mpl.rc_context(STYLE):
        size = (width * n_beside + draw.beside, height * n_below + 0.3)
        figure = Figure(size, layout="constrained")
        grid = figure.subplots(n_below, n_beside, squeeze=False, sharey=draw.sharey)
        pairs = [(metric, number, part) for metric in metrics for number, part in enumerate(parts)]
        places = _places(len(metrics), len(parts), n_beside)
        for (metric, number, part), place in zip(pairs, places, strict=True):
            axes = grid.ravel()[place]
            part.panel(axes, part.rows[part.rows[f"{metric}_mean"].notna()], metric, palette, alone=len(pairs) == 1)
            if draw.sharey or (number % n_beside and part.panel is draw):
                axes.set_ylabel("")
            if len(parts) > 1 and (metric == metrics[0] or draw.columns < len(parts)):
                axes.set_title(part.title)
        for place in set(range(n_below * n_beside)) - set(places):
            grid.ravel()[place].remove()
        title = escape.figure(title, 120)
        figure.suptitle(title if len(datasets) > 1 else f"{title} ({datasets[0]})")
        _legend(figure, grid.ravel())
        save(figure, folder / "figure.svg", metadata={"Date": None})
        save(figure, folder / "figure.png", dpi=160, metadata={"Software": None})


def save(figure: Figure, path: Path, **options: Any) -> None:
    """Write a figure, without warnings about letters that its font lacks (boxes), and names too wide to lay out."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from|constrained_layout not applied")
        figure.savefig(path, **options)


def _drawn(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its names as they are drawn."""
    names = {name: escape.figure_names(map(str, table[name].unique())) for name in ("dataset", "arm")}
    return table.assign(**{name: table[name].astype(str).map(drawn) for name, drawn in names.items()})


def _places(n_metrics: int, n_parts: int, n_beside: int) -> list[int]:
    """Return the place in the grid of each metric's parts; every metric starts a new line."""
    if n_parts == 1:
        return list(range(n_metrics))
    a_metric = -(-n_parts // n_beside) * n_beside
    return [metric * a_metric + part for metric in range(n_metrics) for part in range(n_parts)]


def _legend(figure: Any, panels: Any) -> None:
    """Draw one legend beside the panels, with each arm once."""
    handles: dict[str, Any] = {}
    for axes in panels:
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(text, handle)
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside right center", frameon=False)
