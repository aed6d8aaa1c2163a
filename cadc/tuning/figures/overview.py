"""Figures of a study: its history, the importance of options and where trials did well; or a Pareto front."""

import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from optuna.importance import get_param_importances
from optuna.trial import TrialState

from cadc import escape
from cadc.reporting.drawn.figure import save
from cadc.reporting.drawn.style import STYLE
from cadc.terminal.counted import counted
from cadc.tuning.figures.limits import limits
from cadc.tuning.figures.pairs import draw_contours, draw_ranks
from cadc.tuning.figures.slices import draw_parallel, draw_slices
from cadc.tuning.figures.trials import Complete
from cadc.tuning.study import SharedStudy

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

MIN_FOR_IMPORTANCE = 5
"""Complete trials that importances need at least."""

OF_THE_SPACE = {"slice.png": draw_slices, "parallel.png": draw_parallel}
"""Figures of trials in the space of their options."""

OF_PAIRS = {"contour.png": draw_contours, "rank.png": draw_ranks}
"""Figures of trials over pairs of options."""

FIGURES = ("history.png", "importance.png", "pareto.png", *OF_THE_SPACE, *OF_PAIRS)


def write_figures(study: SharedStudy, folder: Path) -> None:
    """Write the figures of a study.

    With a single metric: `history.png`, `importance.png`, `slice.png`, `parallel.png`, `contour.png` and `rank.png`,
    each if there are trials enough for it; with several, `pareto.png` of the first two.

    Parameters
    ----------
    study : has at least one complete trial.
    folder : where the files go.
    """
    if len(study.tuning.metrics) > 1:
        _write(folder / "pareto.png", lambda axes: _pareto(study, axes))
        return
    _write(folder / "history.png", lambda axes: _history(study, axes))
    importances = _importances(study)
    if importances:
        _write(
            folder / "importance.png", lambda axes: _importance(importances, axes), height=1.6 + 0.4 * len(importances)
        )
    complete = Complete(study, importances)
    drawn = (OF_THE_SPACE if complete.scales else {}) | (OF_PAIRS if len(complete.scales) > 1 else {})
    for name, draw in drawn.items():
        with mpl.rc_context(STYLE):
            figure = draw(complete)
            figure.suptitle(f"{escape.figure(study.name)}: {counted(len(complete.trials), 'trial')}")
            save(figure, folder / name, dpi=160, bbox_inches="tight", metadata={"Software": None})


def _write(path: Path, draw: Any, height: float = 4.4) -> None:
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7.2, height), layout="constrained")
        draw(axes)
        # Names of options may be wider than the figure.
        save(figure, path, dpi=160, bbox_inches="tight", metadata={"Software": None})
        plt.close(figure)


def _history(study: SharedStudy, axes: Axes) -> None:
    (metric,), (direction,) = study.tuning.metrics, study.tuning.directions
    done = study.done()
    points = {
        state: [(trial.number, trial.value) for trial in done if trial.state == state and trial.value is not None]
        for state in (TrialState.COMPLETE, TrialState.PRUNED)
    }
    numbers, values = map(np.array, zip(*points[TrialState.COMPLETE], strict=True))
    best = np.minimum if direction == "minimize" else np.maximum
    low, high = limits([value for found in points.values() for _, value in found], direction)
    best_so_far = np.clip(best.accumulate(values), low, high)
    axes.step(numbers, best_so_far, where="post", color="tab:red", label="best so far")
    axes.plot(numbers, np.clip(values, low, high), "o", markersize=4, color="tab:blue", label="finished trial")
    if points[TrialState.PRUNED]:
        stopped, reached = map(np.array, zip(*points[TrialState.PRUNED], strict=True))
        axes.plot(stopped, np.clip(reached, low, high), "x", color="0.5", label="stopped early")
    margin = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlim(-0.5, max(trial.number for trial in done) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial")
    axes.set_ylabel(_label(metric))
    axes.set_title(f"{escape.figure(study.name)}: {counted(len(done), 'trial')}")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5))


def _importances(study: SharedStudy) -> dict[str, float]:
    n_complete = sum(trial.state == TrialState.COMPLETE for trial in study.done())
    if len(study.tuning.distributions) < 2 or n_complete < MIN_FOR_IMPORTANCE:
        return {}
    try:
        with warnings.catch_warnings():
            # If trials are too few or too alike, Optuna warns and gives all options the same importance.
            warnings.simplefilter("error", UserWarning)
            return get_param_importances(study.study)
    except (ValueError, RuntimeError, UserWarning):
        return {}


def _importance(importances: dict[str, float], axes: Axes) -> None:
    names = list(importances)[::-1]
    drawn = escape.figure_names(names)
    bars = axes.barh([drawn[name] for name in names], [importances[name] for name in names], color="tab:blue")
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set_xlim(0, 1.1 * max(importances.values()) or 1)
    axes.set_xlabel("share of the variation among the best trials (PED-ANOVA)")
    axes.set_title("importance of the options")
    axes.grid(axis="y", visible=False)


def _pareto(study: SharedStudy, axes: Axes) -> None:
    complete = [trial for trial in study.done() if trial.state == TrialState.COMPLETE]
    front = sorted((trial.values[:2] for trial in study.study.best_trials), key=lambda values: values[1])
    axes.plot([t.values[1] for t in complete], [t.values[0] for t in complete], "o", color="0.7", label="trial")
    axes.plot([x for _, x in front], [y for y, _ in front], "o-", color="tab:red", label="Pareto front")
    axes.set_xlabel(_label(study.tuning.metrics[1]))
    axes.set_ylabel(_label(study.tuning.metrics[0]))
    values = [trial.values[1] for trial in complete]
    if min(values) > 0 and max(values) > 8 * min(values):
        axes.set_xscale("log")
    axes.set_title(f"{escape.figure(study.name)}: {counted(len(complete), 'trial')}")
    axes.legend(frameon=False)


def _label(metric: str) -> str:
    group, _, name = metric.partition("/")
    label = {"bytes": f"{name} (bytes)", "cost": f"{name} (s)" if name.endswith("_s") else name}.get(group, metric)
    return escape.figure(label)
