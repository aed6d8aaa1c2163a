"""Labels beside points, where they cover neither a point, an interval nor another label."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from cadc.reporting.drawn.lettering import POINTS, height_of, width_of
from cadc.reporting.drawn.style import SMALL

AWAY = 4
"""Points between a point and its label."""
BESIDE = 0.05
"""Inches between two labels."""
CORNERS = ((1, -1), (-1, -1), (1, 1), (-1, 1))
"""Right or left, above or below, the first that is free."""


@dataclass(frozen=True)
class Box:
    """A rectangle in inches."""

    left: float
    bottom: float
    right: float
    top: float

    def wider(self, by: float) -> "Box":
        """Return a rectangle with this one in its middle."""
        return Box(self.left - by, self.bottom - by, self.right + by, self.top + by)

    def shared(self, other: "Box") -> float:
        """Return the area that both cover."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, wide) * max(0.0, high)


def label_points(axes: Axes, points: Sequence[tuple[float, float, float, str]], width: float, height: float) -> None:
    """Label points at that of their corners where the label covers least.

    Parameters
    ----------
    axes : of the panel, with its scales and limits set.
    points : x, y, half of the interval of y, and label (empty for none) of each.
    width, height : of the area of the panel that its axes enclose, in inches.
    """
    to_axes = axes.transData + axes.transAxes.inverted()

    def inches(x: float, y: float) -> tuple[float, float]:
        at = to_axes.transform((x, y))
        return float(at[0]) * width, float(at[1]) * height

    taken = []
    for x, y, half, _ in points:
        (middle, low), (_, high) = inches(x, y - half), inches(x, y + half)
        at = inches(x, y)[1]
        taken += [Box(middle - 0.02, low, middle + 0.02, high), Box(middle, at, middle, at).wider(0.045)]
    inside = Box(0, 0, width, height)
    away, high = AWAY / POINTS, height_of(1, SMALL) * 0.8
    for x, y, _, text in points:
        if not text:
            continue
        left, bottom = inches(x, y)
        wide = width_of(text, SMALL)
        places = {}
        for right, up in CORNERS:
            one, two = sorted((left + right * away, left + right * (away + wide)))
            three, four = sorted((bottom + up * away * 0.6, bottom + up * (away * 0.6 + high)))
            places[right, up] = Box(one, three, two, four)
        costs = {
            corner: sum(map(box.shared, taken)) + box.shared(box) - box.shared(inside) for corner, box in places.items()
        }
        best = min(CORNERS, key=costs.__getitem__)
        taken.append(places[best].wider(BESIDE))
        axes.annotate(
            text,
            (x, y),
            (AWAY * best[0], AWAY * 0.6 * best[1]),
            textcoords="offset points",
            ha="left" if best[0] > 0 else "right",
            va="bottom" if best[1] > 0 else "top",
            fontsize=SMALL,
            color="0.3",
        )
