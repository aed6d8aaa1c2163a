"""Colours, markers and line styles of the arms, the same in every panel of a figure."""

from itertools import cycle
from typing import Any

import matplotlib as mpl
import pandas as pd

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


class Palette:
    """Colour and marker of each arm; arms that are drawn as lines get theirs first.

    Parameters
    ----------
    table : table whose arms are drawn.
    by : column whose values have the colours; arms unless told otherwise.
    """

    def __init__(self, table: pd.DataFrame, by: str = "arm") -> None:
        self.table = table
        levels = levels_of(table)
        self.arms = list(dict.fromkeys(table[by].dropna().astype(str)))
        # The ten dark ones first, then the light ones of the same hues.
        shades = mpl.colormaps["tab20"].colors  # type: ignore[attr-defined]
        colours = cycle([*shades[::2], *shades[1::2]])
        order = sorted(self.arms, key=lambda arm: arm in levels)
        # When colours repeat, markers differ.
        self._of = {arm: (next(colours), MARKERS[(n + n // 10) % len(MARKERS)]) for n, arm in enumerate(order)}
        self._lines = {arm: LINES[n % len(LINES)] for n, arm in enumerate(levels)}

    def points(self, arm: str) -> dict[str, Any]:
        """Return the style of an arm's points."""
        colour, marker = self._of[arm]
        return {"color": colour, "marker": marker, "markersize": 5}

    def line(self, arm: str) -> Any:
        """Return the line style of an arm that is a level; full data, which is also a point of an arm, is solid."""
        return self._lines.get(arm, "-")


def levels_of(table: pd.DataFrame) -> list[str]:
    """Return the arms without a rate, and those with a single rate if others have several."""
    rates = {str(arm): len(own["rate"].dropna().unique()) for arm, own in table.groupby("arm", sort=False)}
    most = max(rates.values(), default=0)
    return [arm for arm, n_rates in rates.items() if n_rates == 0 or n_rates == 1 < most]
