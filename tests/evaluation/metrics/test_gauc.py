import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from cadc.errors import DataError
from cadc.evaluation.metrics.auc import auc
from cadc.evaluation.metrics.gauc import auc_by_user, gauc

ROWS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.9]) | st.floats(0, 1), st.integers(0, 5)),
    min_size=2,
    max_size=60,
)


def columns(rows):
    label, score, user = (np.array(column) for column in zip(*rows, strict=True))
    label = label.astype(float)
    label[:2], user[:2] = (0, 1), 3
    return label, score, user


@given(ROWS)
@settings(deadline=None, max_examples=150)
def test_gauc_equals_a_loop_over_users_with_scikit_learn(rows):
    label, score, user = columns(rows)
    values, weights, left_out = [], [], 0
    for name in set(user):
        own = user == name
        if len(set(label[own])) == 2:
            values.append(roc_auc_score(label[own], score[own]))
            weights.append(own.sum())
        else:
            left_out += 1
    found = gauc(label, score, user)
    assert found.value == pytest.approx(np.average(values, weights=weights), abs=1e-12)
    assert (found.n_users, found.n_left_out) == (len(values), left_out)


@given(ROWS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50)
def test_gauc_depends_on_neither_order_nor_names_nor_an_offset_of_a_user(rows, random):
    label, score, user = columns(rows)
    order = np.array(random.sample(range(len(label)), len(label)))
    names = np.array(list("fbacde"))[user]
    again = gauc(label[order], 16 * user[order] + score[order], names[order])
    assert again.n_left_out == gauc(label, score, user).n_left_out
    # An offset may round two scores of a user into one; equal scores stay equal.
    if all(len(set(score[user == u])) == len(set((16 * u + score)[user == u])) for u in set(user)):
        assert again.value == pytest.approx(gauc(label, score, user).value, abs=1e-12)


def test_gauc_of_one_user_is_auc():
    rng = np.random.default_rng(0)
    label, score = rng.integers(0, 2, 300).astype(float), rng.integers(0, 40, 300) / 40
    assert gauc(label, score, np.full(300, "x")).value == pytest.approx(auc(label, score), abs=1e-15)


def test_a_user_without_rows_has_no_auc():
    found = auc_by_user(np.array([0.0, 1.0]), np.array([0.2, 0.1]), np.array([2, 2]), 4)
    np.testing.assert_array_equal(found.auc, [np.nan, np.nan, 0.0, np.nan])
    np.testing.assert_array_equal(found.n_rows, [0, 0, 2, 0])


def test_gauc_without_a_user_of_both_classes_raises_data_error():
    with pytest.raises(DataError, match="none of 2 users"):
        gauc(np.array([0.0, 0.0, 1.0]), np.array([0.1, 0.2, 0.3]), np.array([1, 1, 2]))
