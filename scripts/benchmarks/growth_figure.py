"""The figure of the section `growth`: time and memory a row by rows, and the time of a step by vocabulary.

Times are those of the processor, which other work on the machine lengthens least.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.sections.growth import OF_ROWS, OF_VOCABULARY
from cadc.reporting.drawn.figure import save
from cadc.reporting.drawn.palette import style_of
from cadc.reporting.drawn.style import DPI, STYLE, WIDTH

PANELS = {
    "processor µs a row": ("prepare, µs a row", "factorise, µs a row", "evaluate, µs a row"),
    "bytes of memory a row": ("prepare, bytes a row", "factorise, bytes a row", "evaluate, bytes a row"),
}


def write_growth_figure(rows: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write `growth.svg` and `growth.png`.

    Parameters
    ----------
    rows : of the section, as `bench.json` holds them.
    folder : of the files.
    """
    with mpl.rc_context(STYLE):
        figure = Figure((WIDTH, 2.8), layout="constrained")
        panels = figure.subplots(1, 3)
        of_rows = [row for row in rows if row["case"].startswith(OF_ROWS)]
        for axes, (label, names) in zip(panels, PANELS.items(), strict=False):
            for number, name in enumerate(names):
                points = [(row["amount"], row["figures"][name]) for row in of_rows]
                _line(axes, points, name.partition(",")[0], number)
            _finish(axes, "rows of the log", label)
        panels[0].set_ylim(bottom=0)
        _log_scale(panels[1])
        steps = [row for row in rows if row["case"].startswith(OF_VOCABULARY) and row["turns"]]
        for number, by in enumerate(dict.fromkeys(row["by"] for row in steps)):
            points = [(_items(row["case"]), 1e3 * row["cpu_seconds"]) for row in steps if row["by"] == by]
            _line(panels[2], points, by, number)
        _finish(panels[2], "items of the vocabulary", "processor ms of a step")
        _log_scale(panels[2])
        save(figure, folder / "growth.svg", metadata={"Date": None})
        save(figure, folder / "growth.png", dpi=DPI, metadata={"Software": None})


def _line(axes: Axes, points: Sequence[tuple[float, float]], label: str, number: int) -> None:
    x, y = zip(*points, strict=True)
    axes.plot(x, y, label=label, **style_of(number))


def _log_scale(axes: Axes) -> None:
    """Scale y by its logarithm, with plain numbers at 1, 2 and 5."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _finish(axes: Axes, x: str, y: str) -> None:
    axes.set_xscale("log")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    # Above the panel, so that it covers no line.
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(-0.1, 1.0), labelspacing=0.3)


def _items(case: str) -> float:
    match = re.search(r"([\d,]+) items", case)
    assert match is not None
    return float(match[1].replace(",", ""))
