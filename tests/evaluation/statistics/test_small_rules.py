"""Holm, intervals over seeds, and the words of a verdict."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from cadc.errors import DataError
from cadc.evaluation.statistics.holm import holm
from cadc.evaluation.statistics.seeds import seed_interval
from cadc.evaluation.statistics.verdict import verdict


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.999))
def test_holm_rejects_what_the_step_down_procedure_rejects(p, level):
    rejected = set()
    for step, place in enumerate(np.argsort(p, kind="stable")):
        if p[place] * (len(p) - step) > level:
            break
        rejected.add(int(place))
    assert set(np.flatnonzero(holm(p) <= level)) == rejected


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_raw_p_value_and_bonferroni(p):
    adjusted = holm(p)
    assert (adjusted >= np.array(p)).all()
    assert (adjusted <= np.minimum(1, len(p) * np.array(p))).all()


def test_holm_leaves_out_what_was_not_tested():
    np.testing.assert_array_equal(holm([0.01, np.nan, 0.02]), [0.02, np.nan, 0.02])
    assert len(holm([])) == 0


@pytest.mark.parametrize("n_seeds", [2, 3, 5, 10])
def test_the_interval_over_seeds_is_students(n_seeds):
    values = np.random.default_rng(n_seeds).normal(0.8, 0.01, n_seeds)
    found = seed_interval(values)
    expected = t.interval(0.95, n_seeds - 1, values.mean(), values.std(ddof=1) / np.sqrt(n_seeds))
    assert (found.low, found.high) == pytest.approx(expected)
    assert (found.mean, found.n_seeds) == (pytest.approx(values.mean()), n_seeds)


def test_one_seed_has_a_mean_and_no_interval():
    found = seed_interval([0.8])
    assert found.mean == 0.8
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize("values", [[], [0.8, np.nan]])
def test_no_seeds_or_nan_raise_data_error(values):
    with pytest.raises(DataError, match="needs at least one value"):
        seed_interval(values)


@pytest.mark.parametrize(
    ("advantage", "p_difference", "p_margin", "n_seeds", "word"),
    [
        (0.01, 0.001, 1e-9, 3, "better"),
        (0.01, 0.051, 0.02, 3, "as good (0.002)"),
        (0.01, 0.05, 0.025, 3, "undecided"),
        (-0.0005, 0.2, 0.01, 3, "as good (0.002)"),
        (-0.0005, 0.001, 0.01, 3, "as good (0.002)"),  # certainly worse, and certainly within the margin
        (-0.01, 0.001, 1.0, 3, "worse"),
        (-0.01, 0.2, 0.9, 3, "undecided"),
        (0.01, 0.001, 1e-9, 1, "one seed"),  # nothing is known of the noise of training
        (0.0, 1.0, 0.0, 3, "as good (0.002)"),
    ],
)
def test_words_follow_their_rules(advantage, p_difference, p_margin, n_seeds, word):
    assert verdict(advantage, p_difference, p_margin, n_seeds, margin=0.002) == word
    assert verdict(advantage, p_difference, p_margin, n_seeds, margin=0.002, is_equal=True) == "equal"
