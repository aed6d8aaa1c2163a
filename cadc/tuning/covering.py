"""Points that cover a search space evenly: the n-th is a function of a seed and n alone."""

import math
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.stats import qmc


def covering_point(of: Mapping[str, BaseDistribution], seed: int, index: int) -> dict[str, Any]:
    """Return one point of a scrambled Sobol sequence (Owen, 1998) in a search space.

    Ranges are covered as evenly as the sequence covers the unit interval. Of k choices each is taken once in every
    block of k points, in the order of the sequence's coordinates in this block, so that no choice is ever two ahead of
    another.

    Parameters
    ----------
    of : the distribution of each key.
    seed : of the scrambling.
    index : of the point, from 0.
    """
    longest = max((len(each.choices) for each in of.values() if isinstance(each, CategoricalDistribution)), default=1)
    sequence = qmc.Sobol(len(of), scramble=True, rng=np.random.default_rng(seed))
    # The first points of a sequence do not depend on how many are drawn.
    points = sequence.random_base2(math.ceil(math.log2(index + longest + 1)))
    return {key: _value(each, points[:, column], index) for column, (key, each) in enumerate(of.items())}


def _value(distribution: BaseDistribution, points: NDArray[np.float64], index: int) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        k = len(distribution.choices)
        block = points[index - index % k :][:k]
        return distribution.choices[int((block < points[index]).sum())]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    at, low, high = float(points[index]), distribution.low, distribution.high
    if distribution.log:
        # Whole numbers own half a unit on each side.
        margin = 0.5 if isinstance(distribution, IntDistribution) else 0.0
        low, high = low - margin, high + margin
        value = math.exp(math.log(low) + at * (math.log(high) - math.log(low)))
    elif distribution.step is not None:
        n_steps = math.floor((high - low) / distribution.step + 1e-9) + 1
        value = low + distribution.step * math.floor(at * n_steps)
    else:
        value = low + at * (high - low)
    value = min(max(value, distribution.low), distribution.high)
    return round(value) if isinstance(distribution, IntDistribution) else value


def n_points(of: Mapping[str, BaseDistribution]) -> float:
    """Return the number of points of a search space; infinity if a range has no step.

    >>> n_points({"a": CategoricalDistribution(["x", "y"]), "b": IntDistribution(1, 5, step=2)})
    6
    """
    return math.prod(_n_values(each) for each in of.values())


def all_points(of: Mapping[str, BaseDistribution], rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield all points of a search space with finitely many, in random order."""
    values = [list(_values(each)) for each in of.values()]
    places = list(product(*(range(len(own)) for own in values)))
    for number in rng.permutation(len(places)):
        yield {key: own[at] for key, own, at in zip(of, values, places[number], strict=True)}


def _n_values(distribution: BaseDistribution) -> float:
    if distribution.single():
        return 1
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    step = distribution.step
    return math.inf if step is None else math.floor((distribution.high - distribution.low) / step + 1e-9) + 1


def _values(distribution: BaseDistribution) -> Iterator[Any]:
    if isinstance(distribution, CategoricalDistribution):
        yield from distribution.choices
        return
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    for number in range(int(_n_values(distribution))):
        yield distribution.low + number * (distribution.step or 0)
