"""`slice.png`: the metric against each option; `parallel.png`: the options of each trial as a line."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from cadc import escape
from cadc.reporting.columns import label
from cadc.tuning.figures.scale import Scale
from cadc.tuning.figures.trials import Complete

BESIDE = 3
"""Panels beside each other."""
MOST_AXES = 12
"""Axes of parallel coordinates; further options are less important."""


def draw_slices(complete: Complete) -> Figure:
    """Return a panel for each option: the metric of all trials against its values, coloured by the trial's number."""
    scales = complete.scales
    n_below = -(-len(scales) // BESIDE)
    figure = Figure((3.2 * min(BESIDE, len(scales)) + 1.0, 2.9 * n_below), layout="constrained")
    panels = figure.subplots(n_below, min(BESIDE, len(scales)), squeeze=False, sharey=True).ravel()
    for axes, scale in zip(panels, scales, strict=False):
        trials = complete.having([scale])
        places = scale.places(trials)
        if scale.choices is not None:
            # Trials of one choice beside each other, in the order of their numbers.
            places = places + np.linspace(-0.25, 0.25, len(trials))
        drawn = axes.scatter(
            places,
            complete.values(trials),
            c=[trial.number for trial in trials],
            cmap="cividis_r",
            vmin=0,
            vmax=max(1, complete.trials[-1].number),
            s=18,
            edgecolors="0.3",
            linewidths=0.4,
        )
        scale.label(axes, "x")
    for axes in panels[len(scales) :]:
        axes.set_visible(False)
    for axes in panels[:: min(BESIDE, len(scales))]:
        axes.set_ylabel(escape.figure(label(complete.metric)))
    figure.colorbar(drawn, ax=list(panels[: len(scales)]), label="trial")
    return figure


def draw_parallel(complete: Complete) -> Figure:
    """Return parallel coordinates (Inselberg, 1985): an axis for the metric and each option, a line for each trial."""
    scales = complete.scales[:MOST_AXES]
    figure = Figure((1.9 + 1.5 * len(scales), 4.6), layout="constrained")
    axes = figure.add_subplot()
    # The best trials lie on top.
    order = np.argsort(-complete.ranks(complete.trials), kind="stable")
    at = complete.norm(complete.values(complete.trials))
    for number in order:
        trial, height = complete.trials[number], float(at[number])
        heights = [height, *(_height(scale, trial.params) for scale in scales)]
        # A trial without an option has a gap there.
        axes.plot(
            range(len(heights)),
            heights,
            color=complete.colours(height),
            linewidth=1.2,
            alpha=0.8,
            marker="o",
            markersize=2.5,
        )
    for place, scale in enumerate(scales, 1):
        _axis(axes, place, [(_share(scale, at), text) for at, text in scale.ticks()])
    ends = [(height, f"{value:.4g}") for height, value in zip((0.0, 1.0), complete.limits, strict=True)]
    _axis(axes, 0, ends)
    metric = escape.figure(label(complete.metric))
    names = [metric, *(escape.figure(scale.name) for scale in scales)]
    axes.set_xticks(range(len(names)), [name.replace(".", ".\n", 1) for name in names], rotation=25)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xlim(-0.15, len(scales) + 0.7)
    figure.colorbar(
        ScalarMappable(complete.norm, complete.colours), ax=axes, label=escape.figure(label(complete.metric))
    )
    return figure


def _height(scale: Scale, params: Mapping[str, Any]) -> float:
    if scale.name not in params:
        return float("nan")
    return _share(scale, scale.place(params[scale.name]))


def _share(scale: Scale, place: float) -> float:
    low, high = scale.limits
    return (place - low) / (high - low)


def _axis(axes: Axes, place: int, marks: Sequence[tuple[float, str]]) -> None:
    axes.axvline(place, color="0.6", linewidth=0.8, zorder=0)
    for height, text in marks:
        said = axes.annotate(text, (place, height), xytext=(4, 0), textcoords="offset points", fontsize=7, va="center")
        said.set_path_effects([withStroke(linewidth=2, foreground="white")])
