import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from cadc.evaluation.metrics.auc import auc
from cadc.evaluation.resampling.ratio_of_sums import RatioOfSums
from cadc.evaluation.resampling.weighted_auc import WeightedAUC
from cadc.evaluation.statistics.multiplicities import multiplicities

ROWS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5]) | st.floats(0, 1), st.integers(0, 4)),
    min_size=2,
    max_size=40,
)


@given(ROWS, st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=4))
@settings(deadline=None, max_examples=200)
def test_weighted_auc_equals_scikit_learn_and_rows_written_out(rows, drawn):
    label, score, unit = (np.array(column) for column in zip(*rows, strict=True))
    label = label.astype(float)
    label[:2] = 0, 1
    multiplicity = np.array(drawn, np.int32)
    found = WeightedAUC(label, score, unit)(multiplicity)
    for value, weight in zip(found, multiplicity[:, unit], strict=True):
        written_out = np.repeat(label, weight), np.repeat(score, weight)
        if len(set(written_out[0])) < 2:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(roc_auc_score(label, score, sample_weight=weight), abs=1e-12)
            assert value == pytest.approx(auc(*written_out), abs=1e-12)


def test_everyone_once_is_the_auc_itself():
    rng = np.random.default_rng(0)
    label, score = rng.integers(0, 2, 3000).astype(float), rng.normal(size=3000)
    unit = rng.integers(0, 50, 3000)
    assert WeightedAUC(label, score, unit)(np.ones((1, 50), np.int32))[0] == pytest.approx(auc(label, score), abs=1e-14)


def test_a_ratio_of_sums_is_the_mean_over_drawn_rows():
    rng = np.random.default_rng(0)
    unit, loss = rng.integers(0, 9, 200), rng.random(200)
    ratio = RatioOfSums(np.bincount(unit, loss), np.bincount(unit).astype(float))
    drawn = np.concatenate(list(multiplicities(9, 20, rng)))
    expected = [np.repeat(loss, weight).mean() for weight in drawn[:, unit]]
    np.testing.assert_allclose(ratio(drawn), expected, atol=1e-12)


def test_draws_are_those_of_a_bootstrap_and_do_not_depend_on_the_blocks():
    first, second = (
        np.concatenate(list(multiplicities(40, 500, np.random.default_rng(3), at_a_time))) for at_a_time in (7, 500)
    )
    np.testing.assert_array_equal(first, second)
    assert first.shape == (500, 40)
    assert (first.sum(axis=1) == 40).all()
    # A unit is drawn once on average, with the variance of a binomial of 40 draws at 1 / 40.
    assert first.mean() == 1
    assert first.var() == pytest.approx(1 - 1 / 40, rel=0.05)
