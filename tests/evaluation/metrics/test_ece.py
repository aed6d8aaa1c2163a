import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from cadc.errors import DataError
from cadc.evaluation.metrics.ece import equal_mass_bins, equal_width_bins, expected_calibration_error

PROBABILITY = st.floats(0, 1) | st.sampled_from([0.0, 0.2, 0.5, 1.0])
ROWS = st.lists(st.tuples(st.booleans(), PROBABILITY), min_size=1, max_size=80)


def columns(rows):
    return (np.array(column, float) for column in zip(*rows, strict=True))


@given(ROWS, st.integers(1, 20), st.sampled_from(["mass", "width"]))
@settings(deadline=None, max_examples=200)
def test_calibration_error_equals_a_loop_over_bins(rows, n_bins, bins):
    label, probability = columns(rows)
    number = (equal_mass_bins if bins == "mass" else equal_width_bins)(probability, n_bins)
    assert set(number) <= set(range(n_bins))
    expected = 0.0
    for one in range(n_bins):
        own = number == one
        if own.any():
            expected += own.mean() * abs(label[own].mean() - probability[own].mean())
    assert expected_calibration_error(label, probability, n_bins, bins) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("bins", "strategy"), [("width", "uniform"), ("mass", "quantile")])
def test_bins_are_those_of_scikit_learn(bins, strategy):
    rng = np.random.default_rng(0)
    probability = rng.beta(1, 3, 6000)
    label = (rng.random(6000) < probability**1.3).astype(float)
    share, mean = calibration_curve(label, probability, n_bins=12, strategy=strategy)
    number = (equal_mass_bins if bins == "mass" else equal_width_bins)(probability, 12)
    weight = np.bincount(number, minlength=12) / 6000
    assert (weight > 0).all()
    expected = (weight * abs(share - mean)).sum()
    # Where a quantile falls between two rows is a matter of taste: one row may change its bin.
    assert expected_calibration_error(label, probability, 12, bins) == pytest.approx(expected, abs=1e-3)
    if bins == "mass":
        assert set(np.bincount(number)) == {500}


def test_equal_mass_is_the_default():
    label, probability = np.array([0.0, 0, 1, 1]), np.array([0.01, 0.02, 0.03, 0.04])
    assert expected_calibration_error(label, probability, 2) == pytest.approx(
        expected_calibration_error(label, probability, 2, "mass")
    )
    assert expected_calibration_error(label, probability, 2) != expected_calibration_error(
        label, probability, 2, "width"
    )


@given(ROWS, st.randoms(use_true_random=False), st.integers(1, 9), st.sampled_from(["mass", "width"]))
@settings(deadline=None, max_examples=60)
def test_the_order_of_rows_does_not_count_even_with_ties(rows, random, n_bins, bins):
    shuffled = random.sample(rows, len(rows))
    first, second = (expected_calibration_error(*columns(order), n_bins, bins) for order in (rows, shuffled))
    assert first == pytest.approx(second, abs=1e-12)


def test_a_constant_prediction_errs_by_its_distance_from_the_label_mean():
    label = np.array([1.0, 0, 0, 0])
    for bins in ("mass", "width"):
        assert expected_calibration_error(label, np.full(4, 0.4), 15, bins) == pytest.approx(0.15)


def test_a_calibrated_model_comes_near_zero():
    rng = np.random.default_rng(0)
    probability = rng.random(200_000)
    label = (rng.random(200_000) < probability).astype(float)
    for bins in ("mass", "width"):
        assert expected_calibration_error(label, probability, bins=bins) < 0.006
        assert expected_calibration_error(label, probability**2, bins=bins) > 0.1


@pytest.mark.parametrize("probability", [[0.5, np.nan], [0.5, 1.5], [-0.1, 0.5], []])
def test_what_is_no_probability_raises_data_error(probability):
    with pytest.raises(DataError, match="between 0 and 1"):
        expected_calibration_error(np.ones(len(probability)), np.array(probability))
