"""Which points no other beats in everything: quality, network rows and bytes stand apart, without a sum of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadc.evaluation.statistics.seeds import seed_interval


def pareto_front(objectives: ArrayLike, larger_is_better: Sequence[bool]) -> NDArray[np.bool_]:
    """Return which points are not dominated: none is at least as good in every objective and better in one.

    Parameters
    ----------
    objectives : shape [n_points, n_objectives]; a point with a NaN is on no front.
    larger_is_better : of each objective.

    Returns
    -------
    front : bool, shape [n_points]; points that agree in everything are on it together.

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
    differences : advantage of the arm over the reference with each seed; of one alone, which has no interval, itself.
    margin : in the metric's unit.
    """
    interval = seed_interval(differences)
    return bool((interval.mean if interval.n_seeds == 1 else interval.low) > -margin)


def smallest(rows: ArrayLike, size: ArrayLike, quality: ArrayLike) -> int:
    """Return which point has the smallest product of rows and bytes, the better one where these agree.

    Both count by what share of them is left: half the rows are worth as much as half the bytes.

    Parameters
    ----------
    rows, size, quality : of each point, shape [n_points]; larger quality is better.
    """
    product = np.log(np.asarray(rows, np.float64)) + np.log(np.asarray(size, np.float64))
    return int(np.lexsort((-np.asarray(quality, np.float64), product))[0])
