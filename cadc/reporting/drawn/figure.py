"""The figure of an experiment: blocks of panels, a metric each, one legend, and a note on what the marks are."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cadc import escape
from cadc.reporting.drawn.lettering import height_of, width_of, wrapped
from cadc.reporting.drawn.panel import Block, Panel, Part
from cadc.reporting.drawn.panels import PANELS, STREAM_KINDS
from cadc.reporting.drawn.style import COLUMN, DPI, SIZE, SMALL, STYLE, WIDTH

HANDLE = 0.45
"""Inches beside a text of the legend that its mark and the gap take."""
LEAST = 1.0
"""Least width of a panel in inches."""


ENDINGS = (".svg", ".png")
"""Of the files of a figure."""


def write_figure(
    kind: str,
    title: str,
    table: pd.DataFrame,
    folder: Path,
    differences: pd.DataFrame | None = None,
    streams: Mapping[str, pd.DataFrame] | None = None,
    name: str = "figure",
) -> None:
    """Write `figure.svg` and `figure.png`, or files of another name, see `draw_figure`."""
    figure = draw_figure(kind, title, table, differences, streams)
    for ending in ENDINGS:
        save_as(figure, folder / f"{name}{ending}", ending)


def draw_figure(
    kind: str,
    title: str,
    table: pd.DataFrame,
    differences: pd.DataFrame | None = None,
    streams: Mapping[str, pd.DataFrame] | None = None,
) -> Figure:
    """Return a figure: panels for each metric and part of the table, one legend, and a note on what the marks are.

    It is as wide as the text of a page, or as one column where it has a single panel; no letter is below 7 points.

    Parameters
    ----------
    kind : a key of `PANELS`: quality against `rate`, `time`, `dim` or `bytes`, arms as `bars`, rates by ratios as a
        `heat` map, `differences` to the references, or one of the kinds of streams.
    title : title of the figure.
    table : as `build_table` returns it.
    differences : lines of a comparison, see `drawn_differences`, for the kind `differences`; where there are none, arms
        are `bars`.
    streams : of each kind of streams, what it draws, see `stream_tables`; where there is none, arms are `bars`.
    """
    if kind in STREAM_KINDS:
        found = (streams or {}).get(kind)
        kind, table = ("bars", table) if found is None else (kind, found)
    if kind == "differences":
        if differences is None or differences.empty:
            kind = "bars"
        else:
            table = differences
    draw = PANELS[kind]
    table = _drawn(table)
    datasets = list(table["dataset"].unique())
    title = escape.figure(title, 120)
    with mpl.rc_context(STYLE):
        return _figure(draw, table, title if len(datasets) > 1 else f"{title} ({datasets[0]})")


def _figure(draw: Panel, table: pd.DataFrame, title: str) -> Figure:
    blocks = draw.blocks(table)
    palette = draw.palette(table)
    names = draw.names_width(table)
    lines = _lines(draw, blocks)
    n_beside = max(map(len, lines))
    width = max(COLUMN, min(WIDTH, names + 3)) if n_beside == 1 else max(WIDTH, names + n_beside * LEAST)
    each = (width - names) / n_beside
    heights = [max(cell.part.panel.height(cell.part, each) for cell in line if cell) for line in lines]
    figure = Figure((width, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(lines), n_beside, height_ratios=heights)
    panels: dict[str, list[Axes]] = {}
    for at, line in enumerate(lines):
        for place, cell in enumerate(line):
            if cell is None:
                continue
            axes = figure.add_subplot(grid[at, place])
            panels.setdefault(cell.metric, []).append(axes)
            part = _measured(cell.part, cell.metric)
            if part.rows.empty:
                axes.set_axis_off()
            else:
                part.panel(axes, part, cell.metric, palette, each)
            is_alike = cell.part.panel is draw
            below = lines[at + 1][place] if at + 1 < len(lines) else None
            if draw.sharey and place:
                axes.tick_params(labelleft=False)
            if is_alike and draw.sharex and below and below.metric == cell.metric and below.part.panel is draw:
                axes.tick_params(labelbottom=False)
                axes.set_xlabel("")
            if is_alike and place and line[0] and line[0].metric == cell.metric:
                axes.set_ylabel("")
            if cell.title:
                axes.set_title(wrapped(cell.title, each - (0.1 if draw.sharey else 0.25), SIZE, 2))
    for metric, own in panels.items():
        draw.finish(figure, own, metric, palette)
    title = wrapped(title, width - 0.2, SIZE + 1, 2)
    figure.suptitle(title)
    height = sum(heights) + height_of(title.count("\n") + 1, SIZE + 1)
    figure.set_size_inches(width, height + draw_legend(figure, draw.note(table), width))
    return figure


@dataclass(frozen=True)
class _Cell:
    """A panel in the grid of a figure; `title` is empty where that above it says the same."""

    metric: str
    part: Part
    title: str


def _measured(part: Part, metric: str) -> Part:
    """Return a part without the rows that lack the metric."""
    mean = f"{metric}_mean"
    return replace(part, rows=part.rows[part.rows[mean].notna()]) if mean in part.rows else part


def _lines(draw: Panel, blocks: list[Block]) -> list[list[_Cell | None]]:
    """Return the lines of the grid; the metrics of a single part are side by side, unless their lines differ."""
    if all(len(block.parts) == 1 for block in blocks) and not draw.stacked:
        parts = [(block.metric, block.parts[0]) for block in blocks]
        cells: list[_Cell | None] = [_Cell(name, part, part.title if part.focus else "") for name, part in parts]
        if len(cells) > draw.columns:
            cells += [None] * (-len(cells) % draw.columns)
        return [cells[place : place + draw.columns] for place in range(0, len(cells), draw.columns)]
    n_beside = max(min(len(block.parts), draw.columns) for block in blocks)
    several = len({part.title for block in blocks for part in block.parts}) > 1
    lines: list[list[_Cell | None]] = []
    above: list[str] = []
    for block in blocks:
        titles = [part.title for part in block.parts]
        is_titled = several and (titles != above or len(titles) > n_beside)
        above = titles
        of_block: list[_Cell | None] = [
            _Cell(block.metric, part, part.title if is_titled else "") for part in block.parts
        ]
        of_block += [None] * (-len(of_block) % n_beside)
        lines += [of_block[place : place + n_beside] for place in range(0, len(of_block), n_beside)]
    return lines


def draw_legend(figure: Figure, note: str, width: float) -> float:
    """Draw one legend below the panels, with each arm once, and the note; return its height in inches."""
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(text, handle)
    # Levels, which are plain lines, after what has a mark.
    names = sorted(handles, key=lambda name: isinstance(handles[name], Line2D) and handles[name].get_marker() == "None")
    shown = {name: wrapped(name, width - 2 * HANDLE, SMALL) for name in names}
    note = wrapped(note, width - 0.2, SMALL)
    wide = max((width_of(line, SMALL) for text in shown.values() for line in text.split("\n")), default=0) + HANDLE
    n_columns = max(1, min(len(names), int(width / wide)))
    n_columns = max(1, -(-len(names) // max(1, -(-len(names) // n_columns))))  # as many in each line
    n_lines = sum(text.count("\n") + 1 for text in shown.values())
    figure.legend(
        [handles[name] for name in names],
        list(shown.values()),
        loc="outside lower center",
        ncols=n_columns,
        frameon=False,
        title=note,
        alignment="center",
        columnspacing=1.2,
        handletextpad=0.5,
        labelspacing=0.3,
    )
    return height_of(-(-n_lines // n_columns) + note.count("\n") + 1, SMALL) + 0.1


def _drawn(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its names as they are drawn."""
    drawn = {}
    for name in ("dataset", "arm", "reference", "embedding"):
        if name in table:
            names = escape.figure_names(map(str, table[name].dropna().unique()))
            drawn[name] = table[name].map(names, na_action="ignore")
    return table.assign(**drawn)


def save(figure: Figure, path: Path, **options: Any) -> None:
    """Write a figure, without warnings about letters that its font lacks (boxes)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(path, **options)


METADATA: dict[str, dict[str, Any]] = {
    ".svg": {"Date": None},
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None},
}
"""What each format would hold that differs at each writing, by the end of the file's name."""


def save_as(figure: Figure, file: Path, kind: str) -> None:
    """Write a figure to one file, the same bytes at each writing.

    Parameters
    ----------
    figure : the figure.
    file : where it goes.
    kind : a key of `METADATA`.
    """
    with mpl.rc_context(STYLE):
        save(figure, file, format=kind[1:], dpi=DPI, metadata=METADATA[kind])
