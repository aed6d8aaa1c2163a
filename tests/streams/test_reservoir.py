"""A reservoir is a uniform sample of all rows that were offered."""

import numpy as np
from scipy.stats import chisquare

from cadc.streams.reservoir import Reservoir


def test_rows_of_all_times_are_equally_likely():
    kept = np.zeros(60)
    for seed in range(600):
        generator, reservoir = np.random.default_rng(seed), Reservoir(size=10)
        for first in range(0, 60, 20):
            reservoir.add(np.arange(first, first + 20), generator)
        assert len(set(reservoir.rows)) == 10
        kept[reservoir.rows] += 1
    assert chisquare(kept).pvalue > 1e-3


def test_without_a_size_all_rows_stay_and_draws_do_not_repeat():
    generator, reservoir = np.random.default_rng(0), Reservoir()
    reservoir.add(np.arange(5), generator)
    assert sorted(reservoir.draw(99, generator)) == [0, 1, 2, 3, 4]
    assert len(set(reservoir.draw(3, generator))) == 3
