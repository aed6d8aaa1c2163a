"""Activity of users and items: percentiles, and curves that show the long tail."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

from cadc import escape
from cadc.data.log import InteractionLog
from cadc.data.schema import EntitySide
from cadc.reporting.drawn.figure import save
from cadc.reporting.drawn.palette import COLOURS
from cadc.reporting.drawn.style import DPI, STYLE, WIDTH

PERCENTILES = (5, 25, 50, 75, 95, 100)


def activity(log: InteractionLog, side: EntitySide) -> NDArray[np.int64]:
    """Return the number of rows of each user, or item, that has any, in descending order, int64, shape [n]."""
    counts = np.bincount(log.column(side))
    return np.sort(counts[counts > 0])[::-1]


def cold_share(log: InteractionLog, side: EntitySide, split: str) -> tuple[float, float]:
    """Return the shares of a part's rows, and of its users or items, that no training row knows."""
    entities = np.asarray(log.column(side, split))
    n_known = log.schema[side].vocabulary_size - 1
    return float((entities > n_known).mean()), float((np.unique(entities) > n_known).mean())


def write_activity_figure(log: InteractionLog, sides: list[EntitySide], folder: Path) -> None:
    """Write `activity.png`: rows of each user and item by rank, and the share of rows that the most active hold.

    Parameters
    ----------
    log : the log.
    sides : `user`, `item` or both.
    folder : where the file goes.
    """
    with mpl.rc_context(STYLE):
        figure = Figure((WIDTH, 2.9), layout="constrained")
        by_rank, by_share = figure.subplots(1, 2)
        for side, (line, colour) in zip(sides, (("-", COLOURS[0]), ("--", COLOURS[3])), strict=False):
            rows = activity(log, side)
            # At most a thousand points, evenly spaced on each axis, show the same curve.
            ranks = np.unique(np.geomspace(1, len(rows), 1000).round().astype(int))
            by_rank.plot(ranks, rows[ranks - 1], line, color=colour, label=f"{len(rows):,} {side}s")
            places = np.unique(np.linspace(0, len(rows), 1000).round().astype(int))
            held = np.concatenate([[0], np.cumsum(rows)])[places]
            by_share.plot(100 * places / len(rows), 100 * held / rows.sum(), line, color=colour, label=f"{side}s")
        by_rank.set_xscale("log")
        by_rank.set_yscale("log")
        # At least one decade, so that small logs have labels too.
        by_rank.set_xlim(0.8, max(12, by_rank.get_xlim()[1]))
        by_rank.set_ylim(0.8, max(12, by_rank.get_ylim()[1]))
        for axis in (by_rank.xaxis, by_rank.yaxis):
            axis.set_major_formatter("{x:,.0f}")
            axis.set_minor_formatter(NullFormatter())
        by_rank.set_xlabel("rank by number of rows")
        by_rank.set_ylabel("rows of each")
        by_share.plot([0, 100], [0, 100], ":", color="0.5", label="all equally active")
        by_share.set_xlabel("most active users or items (%)")
        by_share.set_ylabel("rows that they hold (%)")
        for axes in (by_rank, by_share):
            axes.legend(frameon=False)
        figure.suptitle(f"Activity in {escape.figure(log.meta['name'])}: {sum(log.meta['rows'].values()):,} rows")
        save(figure, folder / "activity.png", dpi=DPI, metadata={"Software": None})
