"""Drift and arrivals of generated logs, against draws one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadc.data.sources.generated.over_time import Arrivals, turned


@pytest.mark.parametrize("quarters", [0.0, 0.3, 1.0, 1.7])
def test_turned_values_keep_their_spread_and_correlate_as_told(quarters):
    rng = np.random.default_rng(0)
    start, other = rng.normal(size=(2, 200_000))
    found = turned(start, other, quarters)
    assert found.std() == pytest.approx(1, abs=0.01)
    assert np.corrcoef(start, found)[0, 1] == pytest.approx(np.cos(quarters * np.pi / 2), abs=0.01)


@given(st.integers(1, 40), st.floats(0, 1), st.none() | st.floats(0.001, 2), st.integers(0, 2**32))
def test_only_those_who_have_arrived_are_drawn(n, share, half_life, seed):
    rng = np.random.default_rng(seed)
    arrivals = Arrivals(n, share, half_life, rng)
    when = rng.random(100)
    drawn = arrivals.draw(rng.random(n) + 0.1, when, rng)
    assert drawn.dtype == np.int32 and (drawn >= 0).all() and (drawn < n).all()
    assert (arrivals.times[drawn] <= when).all()


@pytest.mark.parametrize("half_life", [None, 0.2])
def test_shares_follow_activity_and_time_since_arrival(half_life):
    rng = np.random.default_rng(1)
    arrivals, activity = Arrivals(8, 0.7, half_life, rng), rng.random(8) + 0.1
    for when in (0.3, 0.9):
        drawn = np.bincount(arrivals.draw(activity, np.full(100_000, when), rng), minlength=8) / 100_000
        ages = when - arrivals.times
        weight = np.array(
            [
                0 if age < 0 else own * 0.5 ** (age / (half_life or np.inf))
                for age, own in zip(ages, activity, strict=True)
            ]
        )
        np.testing.assert_allclose(drawn, weight / weight.sum(), atol=0.01)
