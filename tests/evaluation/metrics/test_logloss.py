import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from cadc.evaluation.metrics.logloss import logloss

PROBABILITY = st.floats(0, 1) | st.sampled_from([0.0, 1.0, 1e-300, 1 - 1e-16, 0.5])


@given(st.lists(st.tuples(st.booleans(), PROBABILITY), min_size=1, max_size=60))
@settings(deadline=None, max_examples=200)
def test_logloss_equals_scikit_learn_up_to_certain_probabilities(rows):
    label, probability = (np.array(column, float) for column in zip(*rows, strict=True))
    expected = log_loss(label, probability, labels=[0.0, 1.0])
    assert logloss(label, probability) == pytest.approx(expected, abs=1e-12)


def test_certainty_that_proves_wrong_costs_a_finite_loss():
    assert logloss(np.array([1.0]), np.array([0.0])) == pytest.approx(-np.log(np.finfo(float).eps))


def test_logloss_of_the_label_mean_is_the_entropy_of_labels():
    label = np.array([1, 0, 0, 0], np.float32)
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert logloss(label, np.full(4, 0.25)) == pytest.approx(entropy, abs=1e-12)


def test_a_nan_probability_is_never_turned_into_a_number():
    assert np.isnan(logloss(np.array([0.0, 1.0]), np.array([0.5, np.nan])))
