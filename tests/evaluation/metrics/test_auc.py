import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from cadc.errors import DataError
from cadc.evaluation.metrics.auc import auc

TIED = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])
ANY = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(st.lists(st.tuples(st.booleans(), TIED | ANY), min_size=2, max_size=80))
@settings(deadline=None, max_examples=150)
def test_auc_equals_scikit_learn_with_and_without_ties(rows):
    label, score = (np.array(column, float) for column in zip(*rows, strict=True))
    label[:2] = 0, 1
    assert auc(label, score) == pytest.approx(roc_auc_score(label, score), abs=1e-12)


@given(st.lists(st.tuples(st.booleans(), TIED), min_size=2, max_size=30))
@settings(deadline=None, max_examples=50)
def test_auc_equals_the_share_of_pairs_in_order(rows):
    label, score = (np.array(column, float) for column in zip(*rows, strict=True))
    label[:2] = 0, 1
    above = [(a > b) + 0.5 * (a == b) for a in score[label == 1] for b in score[label == 0]]
    assert auc(label, score) == pytest.approx(np.mean(above), abs=1e-12)


def test_auc_of_many_rows_equals_the_mann_whitney_statistic():
    rng = np.random.default_rng(0)
    label = (rng.random(200_000) < 0.3).astype(np.float32)
    score = np.round(rng.normal(size=200_000) + label, 2)
    n_pairs = (label == 1).sum() * (label == 0).sum()
    statistic = mannwhitneyu(score[label == 1], score[label == 0]).statistic
    assert auc(label, score) == pytest.approx(statistic / n_pairs, abs=1e-12)


def test_auc_does_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(1)
    label, score = rng.integers(0, 2, 500).astype(float), rng.integers(0, 9, 500).astype(float)
    order = rng.permutation(500)
    assert auc(label, score) == auc(label[order], score[order])


@pytest.mark.parametrize("only", [0.0, 1.0])
def test_auc_of_one_class_raises_data_error(only):
    with pytest.raises(DataError, match=f"all 3 labels are {only:.0f}"):
        auc(np.full(3, only), np.array([0.1, 0.2, 0.3]))
