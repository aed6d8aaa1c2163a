"""The points that cover a search space: even, spread out, and a function of seed and number alone."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.stats import qmc

from cadc.tuning.covering import all_points, covering_point, n_points

DISTRIBUTIONS = st.one_of(
    st.integers(1, 7).map(lambda n: CategoricalDistribution(list("abcdefg")[:n])),
    st.integers(1, 20).map(lambda n: IntDistribution(3, 3 + n)),
    st.just(IntDistribution(4, 64, step=4)),
    st.just(IntDistribution(1, 512, log=True)),
    st.just(FloatDistribution(0.1, 0.9, step=0.1)),
    st.just(FloatDistribution(1e-5, 1e-2, log=True)),
    st.just(FloatDistribution(-1.0, 2.0)),
)


@given(st.lists(DISTRIBUTIONS, min_size=1, max_size=6), st.integers(0, 1 << 60), st.integers(0, 70))
def test_every_point_is_inside_its_space(of, seed, index):
    space = {f"key{place}": distribution for place, distribution in enumerate(of)}
    point = covering_point(space, seed, index)
    assert point.keys() == space.keys()
    for key, value in point.items():
        assert space[key]._contains(space[key].to_internal_repr(value))


@given(st.integers(1, 7), st.integers(0, 1000), st.integers(1, 60))
def test_no_choice_is_ever_two_ahead_of_another(n_choices, seed, n):
    space = {"a": CategoricalDistribution(list(range(n_choices))), "b": FloatDistribution(0, 1)}
    counts = Counter(covering_point(space, seed, index)["a"] for index in range(n))
    assert max(counts.values()) - min(counts[choice] for choice in range(n_choices)) <= 1


def test_ranges_are_covered_as_evenly_as_scipys_sequence_and_not_as_random_numbers_are():
    space = {"rate": FloatDistribution(1e-4, 1e-1, log=True), "share": FloatDistribution(0.0, 0.5)}
    points = [covering_point(space, 3, index) for index in range(32)]
    unit = [[(math.log10(p["rate"]) + 4) / 3, p["share"] / 0.5] for p in points]
    expected = qmc.Sobol(2, rng=np.random.default_rng(3)).random(32)
    assert np.allclose(unit, expected, atol=1e-9)
    # Each of 32 equal intervals has one point, in both dimensions.
    assert [sorted(np.floor(np.array(unit)[:, at] * 32)) for at in (0, 1)] == [list(range(32))] * 2


@pytest.mark.parametrize(
    ("distribution", "n"), [(IntDistribution(1, 5, step=2), 3), (FloatDistribution(0.1, 0.9, step=0.1), 9)]
)
def test_all_points_of_a_space_come_once(distribution, n):
    space = {"a": distribution, "b": CategoricalDistribution(["x", "y"])}
    found = [tuple(point.values()) for point in all_points(space, np.random.default_rng(0))]
    assert n_points(space) == 2 * n == len(found) == len(set(found))
    assert n_points({"a": FloatDistribution(0, 1)}) == math.inf
