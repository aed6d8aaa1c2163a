"""Pareto front of quality, network rows and bytes, and the choice of a point."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadc.evaluation.statistics.seeds import seed_interval


def pareto_front(objectives: ArrayLike, larger_is_better: Sequence[bool]) -> NDArray[np.bool_]:
    """Return which points are not dominated: no other is at least as good in all objectives and better in one.

    Parameters
    ----------
    objectives : shape [n_points, n_objectives]; a point with a NaN is never on the front.
    larger_is_better : direction of each objective.

    Returns
    -------
    front : bool, shape [n_points]; equal points are on it together.

    >>> pareto_front([[0.8, 100], [0.7, 10], [0.7, 50]], [True, False]).tolist()
    [True, True, False]
    """
    values = np.asarray(objectives, np.float64).reshape(-1, len(larger_is_better))
    costs = np.where(larger_is_better, -values, values)
    known = np.flatnonzero(~np.isnan(costs).any(axis=1))
    found = np.zeros(len(costs), dtype=bool)
    others = costs[known]
    for index in known:
        is_beaten = (others <= costs[index]).all(axis=1) & (others < costs[index]).any(axis=1)
        found[index] = not is_beaten.any()
    return found


def is_non_inferior(differences: ArrayLike, margin: float) -> bool:
    """Tell whether the lower 95 % bound of the mean paired difference over seeds lies above -margin.

    Parameters
    ----------
    differences : advantage of the arm over the reference for each seed; a single one, which has no interval, counts as
        its own bound.
    margin : margin in the metric's unit.
    """
    interval = seed_interval(differences)
    return bool((interval.mean if interval.n_seeds == 1 else interval.low) > -margin)


def smallest(rows: ArrayLike, size: ArrayLike, quality: ArrayLike) -> int:
    """Return the index of the point with the smallest product of rows and bytes; quality breaks ties.

    Relative savings count alike: half the rows are worth as much as half the bytes.

    Parameters
    ----------
    rows, size, quality : values of each point, shape [n_points]; larger quality is better.
    """
    product = np.log(np.asarray(rows, np.float64)) + np.log(np.asarray(size, np.float64))
    return int(np.lexsort((-np.asarray(quality, np.float64), product))[0])
