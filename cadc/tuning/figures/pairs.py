"""`contour.png`: the metric over pairs of options; `rank.png`: how trials rank there."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation
from numpy.typing import NDArray

from cadc import escape
from cadc.reporting.columns import label
from cadc.tuning.figures.scale import Scale
from cadc.tuning.figures.trials import MOST, Complete

LEVELS = 12
"""Colours of a contour."""


def draw_contours(complete: Complete) -> Figure:
    """Return a panel for each pair of the most important options: the metric between trials, and the trials."""

    def panel(axes: Axes, across: Scale, up: Scale) -> None:
        trials = complete.having([across, up])
        x, y = across.places(trials), up.places(trials)
        if _is_plane(x, y):
            points, values = mean_by_point(np.stack([x, y]), complete.values(trials))
            levels = np.linspace(complete.norm.vmin or 0.0, complete.norm.vmax or 0.0, LEVELS + 1)
            axes.tricontourf(Triangulation(*points), values, levels=levels, cmap=complete.colours, extend="both")
        axes.plot(x, y, "o", color="white", markeredgecolor="black", markersize=3.5, markeredgewidth=0.6)

    figure, panels = _pairs(complete, panel)
    name = escape.figure(label(complete.metric))
    figure.colorbar(ScalarMappable(complete.norm, complete.colours), ax=panels, label=f"{name}, dark is good")
    return figure


def draw_ranks(complete: Complete) -> Figure:
    """Return a panel for each pair of the most important options: trials coloured by their rank among all."""

    def panel(axes: Axes, across: Scale, up: Scale) -> None:
        trials = complete.having([across, up])
        x, y = across.places(trials), up.places(trials)
        axes.scatter(
            x, y, c=complete.ranks(trials), cmap="viridis", vmin=0, vmax=1, s=26, edgecolors="0.3", linewidths=0.4
        )

    figure, panels = _pairs(complete, panel)
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), "viridis"), ax=panels, label="rank of the trial")
    bar.set_ticks([0, 0.5, 1], labels=["best", "middle", "worst"])
    return figure


def _pairs(complete: Complete, panel: Callable[[Axes, Scale, Scale], None]) -> tuple[Figure, list[Axes]]:
    scales = complete.scales[:MOST]
    pairs = list(combinations(scales, 2))
    beside = min(3, len(pairs))
    figure = Figure((3.3 * beside + 1.2, 3.0 * -(-len(pairs) // beside)), layout="constrained")
    panels = list(figure.subplots(-(-len(pairs) // beside), beside, squeeze=False).ravel())
    for axes, (across, up) in zip(panels, pairs, strict=False):
        panel(axes, across, up)
        across.label(axes, "x")
        up.label(axes, "y")
        axes.grid(visible=False)
    for axes in panels[len(pairs) :]:
        axes.set_visible(False)
    return figure, panels


def mean_by_point(
    points: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return different points and the mean value at each: trials of the same choices share a point.

    Parameters
    ----------
    points : shape [2, n].
    values : shape [n].

    Returns
    -------
    points, values : shapes [2, k] and [k], where k ≤ n.

    >>> mean_by_point(np.array([[0.0, 1.0, 1.0], [2.0, 3.0, 3.0]]), np.array([1.0, 2.0, 4.0]))[1].tolist()
    [1.0, 3.0]
    """
    different, of_point, counts = np.unique(points, axis=1, return_inverse=True, return_counts=True)
    return different, np.bincount(of_point.ravel(), values) / counts


def _is_plane(x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    """Return whether points span a plane, rather than a line."""
    centred = np.stack([x - x.mean(), y - y.mean()])
    return len(x) >= 3 and bool(np.linalg.matrix_rank(centred, tol=1e-9) == 2)
