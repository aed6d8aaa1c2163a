import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from cadc.errors import DataError
from cadc.evaluation.statistics.delong import delong

SCORE = st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1)


def naive(label, scores):
    """Return AUC [2] and covariance [2, 2] from the U statistic's structural components, pair by pair."""
    by_positive, by_negative = [], []
    for score in scores:
        positive, negative = score[label == 1], score[label == 0]
        kernel = np.array([[1.0 if a > b else 0.5 if a == b else 0.0 for b in negative] for a in positive])
        by_positive.append(kernel.mean(axis=1))
        by_negative.append(kernel.mean(axis=0))
    covariance = np.empty((2, 2))
    for i in range(2):
        for j in range(2):
            total = 0.0
            for component in (by_positive, by_negative):
                a, b = component[i] - component[i].mean(), component[j] - component[j].mean()
                total += (a * b).sum() / (len(a) - 1) / len(a)
            covariance[i, j] = total
    return np.array([component.mean() for component in by_positive]), covariance


@given(st.lists(st.tuples(st.booleans(), SCORE, SCORE), min_size=4, max_size=30))
@settings(deadline=None, max_examples=80)
def test_delong_equals_the_u_statistic_pair_by_pair(rows):
    label, first, second = (np.array(column, float) for column in zip(*rows, strict=True))
    label[:4] = 0, 1, 0, 1
    auc, covariance = naive(label, (first, second))
    found = delong(label, first, second)
    np.testing.assert_allclose(found.auc, auc, atol=1e-12)
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-12)
    variance = max(0.0, covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert found.standard_error == pytest.approx(np.sqrt(variance), abs=1e-8)
    assert found.difference == pytest.approx(roc_auc_score(label, first) - roc_auc_score(label, second), abs=1e-12)


def test_p_value_and_interval_agree():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 400).astype(float)
    first, second = label + rng.normal(size=400), label + 1.2 * rng.normal(size=400)
    found = delong(label, first, second)
    assert found.p_value == pytest.approx(2 * norm.cdf(-abs(found.difference) / found.standard_error))
    low, high = found.interval(1 - found.p_value)
    assert min(abs(low), abs(high)) == pytest.approx(0, abs=1e-12)
    assert delong(label, second, first).difference == -found.difference


def test_equal_scores_differ_by_nothing():
    label, score = np.array([0.0, 1, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8, 0.3])
    found = delong(label, score, score)
    assert (found.difference, found.standard_error, found.p_value) == (0.0, 0.0, 1.0)


def test_independent_rows_give_uniform_p_values():
    rng = np.random.default_rng(5)
    found = []
    for _ in range(400):
        label = rng.integers(0, 2, 120).astype(float)
        found.append(delong(label, label + rng.normal(size=120), label + rng.normal(size=120)).p_value)
    assert 0.02 < np.mean(np.array(found) < 0.05) < 0.085
    assert 0.43 < np.mean(found) < 0.57


def test_too_few_rows_of_a_class_raise_data_error():
    with pytest.raises(DataError, match="1 positive and 2 negative"):
        delong(np.array([1.0, 0, 0]), np.arange(3.0), np.arange(3.0))
