import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from cadc.errors import DataError
from cadc.evaluation.metrics.pr_auc import average_precision

TIED = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])
ANY = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(st.lists(st.tuples(st.booleans(), TIED | ANY), min_size=1, max_size=80))
@settings(deadline=None, max_examples=150)
def test_average_precision_equals_scikit_learn_with_and_without_ties(rows):
    label, score = (np.array(column, float) for column in zip(*rows, strict=True))
    label[0] = 1
    assert average_precision(label, score) == pytest.approx(average_precision_score(label, score), abs=1e-12)


@given(st.lists(st.tuples(st.booleans(), TIED), min_size=1, max_size=30))
@settings(deadline=None, max_examples=50)
def test_average_precision_is_the_mean_precision_at_positive_rows(rows):
    label, score = (np.array(column, float) for column in zip(*rows, strict=True))
    label[0] = 1
    expected = np.mean([label[score >= own].mean() for own in score[label == 1]])
    assert average_precision(label, score) == pytest.approx(expected, abs=1e-12)


def test_a_constant_score_reaches_the_share_of_positive_rows():
    assert average_precision(np.array([1.0, 0, 0, 0]), np.full(4, 0.3)) == 0.25


def test_average_precision_does_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(1)
    label, score = rng.integers(0, 2, 500).astype(float), rng.integers(0, 9, 500).astype(float)
    order = rng.permutation(500)
    assert average_precision(label, score) == average_precision(label[order], score[order])


def test_average_precision_without_a_positive_row_raises_data_error():
    with pytest.raises(DataError, match="none of 3 labels is 1"):
        average_precision(np.zeros(3), np.array([0.1, 0.2, 0.3]))
