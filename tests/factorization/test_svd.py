import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from cadc.errors import DataError, UsageError
from cadc.factorization.solvers.randomized_svd import truncated_svd
from cadc.factorization.svd import SVD
from tests.support.helpers import small_synthetic_log


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 12), st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_truncated_svd_equals_numpy(n_rows, n_columns, rank, seed):
    rng = np.random.default_rng(seed)
    dense = (rng.normal(size=(n_rows, n_columns)) * (rng.random((n_rows, n_columns)) < 0.5)).astype(np.float32)
    left, values, right = truncated_svd(csr_array(dense), rank, 8, np.random.default_rng(0))
    u, s, v = np.linalg.svd(dense.astype(float), full_matrices=False)
    kept = min(rank, len(s))
    np.testing.assert_allclose(values[:kept], s[:kept], atol=2e-3)
    assert not values[kept:].any()
    if kept == len(s) or kept == 0 or s[kept - 1] - s[kept] > 0.05:
        best = (u[:, :kept] * s[:kept]) @ v[:kept]
        np.testing.assert_allclose((left * values) @ right.T, best, atol=0.05)


def dense_labels(log, rows, mean, shrinkage):
    """Biases and the matrix of what they leave, by loops."""
    sizes = [log.schema[name].vocabulary_size for name in ("user", "item")]
    users, items = (log.field_ids(name, rows).tolist() for name in ("user", "item"))
    labels = log.labels(rows).double().tolist()
    item_bias, user_bias = np.zeros(sizes[1]), np.zeros(sizes[0])
    for i in set(items):
        own = [label - mean for item, label in zip(items, labels, strict=True) if item == i]
        item_bias[i] = sum(own) / (len(own) + shrinkage)
    for u in set(users):
        own = [y - mean - item_bias[i] for user, i, y in zip(users, items, labels, strict=True) if user == u]
        user_bias[u] = sum(own) / (len(own) + shrinkage)
    total, counts = np.zeros(sizes), np.zeros(sizes)
    for u, i, y in zip(users, items, labels, strict=True):
        total[u, i] += y - mean - item_bias[i] - user_bias[u]
        counts[u, i] += 1
    return user_bias, item_bias, total / np.maximum(counts, 1)


def test_explicit_fit_equals_numpy_on_the_dense_matrix():
    log = small_synthetic_log()
    rows = log.rows("train")
    factors, _ = SVD(feedback="explicit", shrinkage=4.0, power_iterations=20).fit(log, rows, 5)
    mean = float(log.labels(rows).double().mean())
    user_bias, item_bias, matrix = dense_labels(log, rows, mean, 4.0)
    np.testing.assert_allclose(factors.biases["user"][1:], user_bias[1:], atol=1e-5)
    np.testing.assert_allclose(factors.biases["item"][1:], item_bias[1:] + mean, atol=1e-5)
    u, s, v = np.linalg.svd(matrix)
    np.testing.assert_allclose(
        factors.vectors["user"] @ factors.vectors["item"].T, (u[:, :5] * s[:5]) @ v[:5], atol=1e-3
    )
    for name in ("user", "item"):
        np.testing.assert_allclose(factors.vectors[name].square().sum(0), s[:5], rtol=1e-3)


def test_implicit_fit_equals_numpy_on_ones_at_positive_pairs():
    log = small_synthetic_log()
    rows = log.rows("train")
    factors, _ = SVD(power_iterations=20).fit(log, rows, 4)
    matrix = np.zeros([log.schema[name].vocabulary_size for name in ("user", "item")])
    for user, item, label in zip(
        *(log.field_ids(name, rows).tolist() for name in ("user", "item")), log.labels(rows).tolist(), strict=True
    ):
        if label:
            matrix[user, item] = 1
    u, s, v = np.linalg.svd(matrix)
    np.testing.assert_allclose(
        factors.vectors["user"] @ factors.vectors["item"].T, (u[:, :4] * s[:4]) @ v[:4], atol=2e-3
    )
    assert factors.kind == "score"
    assert not factors.biases["user"].any()


@pytest.mark.parametrize("feedback", ["implicit", "explicit"])
def test_same_seed_same_factors_and_more_columns_than_values_are_zero(feedback):
    log = small_synthetic_log()
    one, two = (SVD(feedback=feedback).fit(log, log.rows("train"), 100)[0] for _ in range(2))
    assert torch.equal(one.vectors["item"], two.vectors["item"])
    assert not one.vectors["user"][:, 61:].any()
    assert one.logits(log, log.rows("test")).isfinite().all()


def test_bad_options_and_logs_are_refused():
    log = small_synthetic_log()
    rows = log.rows("train")
    for options in ({"shrinkage": -1.0}, {"power_iterations": -1}, {"dim": -1}):
        with pytest.raises(UsageError, match=f"factorization.{next(iter(options))} is -1"):
            SVD(**options)
    with pytest.raises(DataError, match="label 1"):
        SVD().fit(log, rows[log.labels(rows) == 0], 2)
    with pytest.raises(DataError, match="is a bag"):
        SVD(fields=("user", "tags")).fit(log, rows, 2)
