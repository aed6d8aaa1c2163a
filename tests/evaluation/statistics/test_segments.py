"""Intervals of means over segments and seeds."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from cadc.errors import DataError
from cadc.evaluation.statistics.segments import block_length, segment_interval


def test_the_part_of_segments_is_the_covariance_of_all_draws_of_blocks():
    differences = np.random.default_rng(0).normal(0.1, 1, (3, 6)) + np.random.default_rng(1).normal(0, 2, 6)
    assert block_length(6) == 2
    means = []
    for starts in product(range(6), repeat=3):
        places = [(start + step) % 6 for start in starts for step in range(2)]
        means.append(differences[:, places].mean(axis=1))
    covariance = np.cov(np.array(means), rowvar=False, ddof=0) * 6 / 4
    by_segments = np.mean([covariance[one, two] for one, two in product(range(3), repeat=2) if one != two])
    by_seeds = stats.sem(differences.mean(axis=1)) ** 2
    found = segment_interval(differences)
    assert found.estimate == pytest.approx(differences.mean())
    assert found.standard_error == pytest.approx(np.sqrt(by_segments + by_seeds))
    share = by_seeds / (by_segments + by_seeds)
    assert found.degrees_of_freedom == pytest.approx(1 / (share / 2 + (1 - share) / 2))
    half = stats.t.ppf(0.975, found.degrees_of_freedom) * found.standard_error
    assert (found.low, found.high) == pytest.approx((differences.mean() - half, differences.mean() + half))


def test_of_segments_that_are_alike_the_interval_is_that_over_seeds():
    of_seeds = np.array([0.2, 0.5, 0.1])
    found = segment_interval(np.repeat(of_seeds[:, None], 4, axis=1))
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 2, of_seeds.mean(), stats.sem(of_seeds)))


def test_two_segments_of_one_seed_have_the_t_interval_of_two_values():
    found = segment_interval(np.array([[1.0, 2.0]]))
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 1, 1.5, stats.sem([1.0, 2.0])))


@pytest.mark.parametrize(("n_segments", "correlation", "least"), [(10, 0.0, 0.93), (10, 0.3, 0.91)])
def test_intervals_cover_the_mean_though_neighbours_are_alike(n_segments, correlation, least):
    generator, hits, n = np.random.default_rng(3), 0, 500
    for _ in range(n):
        shared = generator.normal(size=n_segments)
        for place in range(1, n_segments):
            shared[place] = correlation * shared[place - 1] + np.sqrt(1 - correlation**2) * shared[place]
        found = segment_interval(shared + 0.5 * generator.normal(size=(3, n_segments)))
        hits += found.low <= 0 <= found.high
    assert least <= hits / n <= 0.995


@pytest.mark.parametrize("differences", [np.ones((3, 1)), np.array([[1.0, np.nan]])])
def test_one_segment_or_a_missing_value_has_no_interval(differences):
    with pytest.raises(DataError):
        segment_interval(differences)
