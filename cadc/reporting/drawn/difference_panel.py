"""Differences to a reference with their intervals, and the margin within which an arm counts as good."""

from collections.abc import Sequence
from typing import ClassVar

import pandas as pd
from matplotlib.axes import Axes

from cadc.evaluation.metrics.lookup import metric as metric_of
from cadc.evaluation.prefixes import SEGMENTS
from cadc.reporting.columns import label
from cadc.reporting.drawn.lettering import wrapped
from cadc.reporting.drawn.marks import Marks, group_of, groups_of
from cadc.reporting.drawn.palette import Palette
from cadc.reporting.drawn.panel import Block, Panel, Part
from cadc.reporting.drawn.style import SIZE
from cadc.terminal.counted import counted

DECIDED = ("better", "as good", "worse", "equal")
"""Beginnings of verdicts that say something; marks of others are hollow."""


class DifferencePanel(Panel):
    """A forest plot: a line for each arm that is compared, a block for each metric and reference.

    Its rows are those of a comparison, see `cadc.reporting.comparisons.comparison`. What is undecided is hollow.
    """

    stacked: ClassVar[bool] = True
    sharey: ClassVar[bool] = True
    interval: ClassVar[str] = "bar"

    def blocks(self, table: pd.DataFrame) -> list[Block]:
        """Return a block for each reference and metric, with a part for each data set."""
        found = []
        for family, own in table.groupby("family", sort=False):
            parts = [Part(str(dataset), rows, self, whole=own) for dataset, rows in own.groupby("dataset", sort=False)]
            found.append(Block(str(family), parts))
        return found

    def height(self, part: Part, width: float) -> float:
        """Return the height of a panel in inches: the arms that are compared, and the axis."""
        return _marks(_whole(part), ()).height + 0.7

    def names_width(self, table: pd.DataFrame) -> float:
        """Return how wide the names of the arms are, in inches."""
        return _marks(table, ()).width + 0.1

    def note(self, table: pd.DataFrame) -> str:
        """Return what the marks are."""
        counts = sorted({int(count) for count in table["seeds"].dropna()})
        seeds = f"{counts[0]} to {counts[-1]} seeds" if len(counts) > 1 else counted(counts[0], "seed")
        margins = (table["margin"] > 0).any()
        band = " The grey band is the margin of an arm that is as good." if margins else ""
        of_segments = table["metric"].astype(str).str.startswith(SEGMENTS)
        units = "segments" if of_segments.all() else "users, or segments," if of_segments.any() else "users"
        return (
            f"Differences with 95 % intervals over {units} and seeds ({seeds}), adjusted for several comparisons as "
            f"the verdicts are; hollow where undecided.{band}"
        )

    def __call__(self, axes: Axes, part: Part, metric: str, palette: Palette, width: float) -> None:
        """Draw the differences of one data set."""
        found, margin = part.rows, float(part.rows["margin"].iloc[0])
        rows = pd.DataFrame(
            {
                "arm": found["arm"],
                "group": found["rate"].map(group_of, na_action=None),
                "value": found["difference"],
                "low": found["low"].fillna(found["low_95"]),
                "high": found["high"].fillna(found["high_95"]),
                "hollow": ~found["verdict"].str.startswith(DECIDED),
            }
        )
        # A difference many margins or several usual ones wide would hide the others.
        bound = max(5 * margin, 4 * float(rows["value"].abs().median())) or 0.001
        ends = pd.concat([rows["value"], rows["low"], rows["high"], pd.Series([-1.5 * margin, 1.5 * margin])])
        ends = ends[ends.between(-bound, bound)]
        low, high = float(ends.min()), float(ends.max())
        if margin:
            axes.axvspan(-margin, margin, color="0.85", linewidth=0, zorder=0.5)
        axes.axvline(0, color="0.3", linewidth=0.8, zorder=1)
        _marks(_whole(part), groups_of(palette.table)).draw(axes, rows, low, high, width)
        higher = metric_of(found["metric"].iloc[0]).higher_is_better
        name = f"{label(found['metric'].iloc[0])} minus that of {found['reference'].iloc[0]}"
        which = "worse ← → better" if higher else "better ← → worse"
        axes.set_xlabel(f"{wrapped(name, width - 0.1, SIZE, 2)}\n{which}")


def _whole(part: Part) -> pd.DataFrame:
    return part.rows if part.whole is None else part.whole


def _marks(lines: pd.DataFrame, groups: Sequence[str]) -> Marks:
    rows = pd.DataFrame({"arm": lines["arm"], "group": lines["rate"].map(group_of, na_action=None)})
    return Marks.of(rows, groups or groups_of(lines))


def drawn_differences(comparison: pd.DataFrame, against: Sequence[str] = ()) -> pd.DataFrame:
    """Return the lines of a comparison that have a difference.

    Parameters
    ----------
    comparison : as `compare_points` returns it.
    against : arms of the references that are drawn; empty takes all.
    """
    found = comparison[comparison["difference"].notna()]
    return found[found["reference"].isin(against)] if against else found
