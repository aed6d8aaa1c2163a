"""Colours, markers and line styles of the arms, the same in every panel of a figure."""

from collections.abc import Collection
from typing import Any

import pandas as pd

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
"""Colours that readers with any kind of colour vision tell apart (Okabe and Ito, 2008), without the yellow, which is
faint on white."""
MARKERS = "osD^vPX*<>"
LINES: list[Any] = [
    "--",
    ":",
    "-.",
    (0, (5, 1, 1, 1, 1, 1)),
    (0, (1, 3)),
    (0, (8, 2)),
    (0, (3, 4, 1, 4)),
    (0, (8, 2, 2, 2, 2, 2)),
]
CHOSEN = "#D55E00"
"""Colour that marks what was chosen."""


def style_of(number: int) -> dict[str, Any]:
    """Return colour and marker of the n-th thing that is drawn; the first 70 differ, whoever reads in grey included."""
    return {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)], "markersize": 4}


class Palette:
    """Colour and marker of each arm.

    Parameters
    ----------
    table : table whose arms are drawn.
    first : arms that get theirs first; those that have several rates unless told otherwise.
    """

    def __init__(self, table: pd.DataFrame, first: Collection[str] = ()) -> None:
        self.table = table
        levels = levels_of(table)
        arms = list(dict.fromkeys(table["arm"].astype(str)))
        order = sorted(arms, key=lambda arm: arm not in first if first else arm in levels)
        self._of = {arm: style_of(number) for number, arm in enumerate(order)}
        self._lines = {arm: LINES[number % len(LINES)] for number, arm in enumerate(levels)}

    def points(self, arm: str) -> dict[str, Any]:
        """Return the style of an arm's points."""
        return dict(self._of[arm])

    def line(self, arm: str) -> Any:
        """Return the line style of an arm that is a level; full data, which is also a point of an arm, is solid."""
        return self._lines.get(arm, "-")


def levels_of(table: pd.DataFrame) -> list[str]:
    """Return the arms without a rate, and those with a single rate if others have several."""
    rates = {str(arm): len(own["rate"].dropna().unique()) for arm, own in table.groupby("arm", sort=False)}
    most = max(rates.values(), default=0)
    return [arm for arm, n_rates in rates.items() if n_rates == 0 or n_rates == 1 < most]
