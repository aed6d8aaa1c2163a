"""EASE: weights in closed form, in one array, and the largest of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from cadc.errors import CadcError, MachineTrouble
from cadc.views import ease_weights, largest_by_column
from cadc.views.items import ease_weights as module


def interactions_of(n_users, n_items, seed, share=0.3):
    return (np.random.default_rng(seed).random((n_users, n_items)) < share).astype(np.float32)


def naive_weights(dense, l2):
    """Equation 8 in float64, by numpy's own inverse."""
    inverse = np.linalg.inv(dense.T.astype(float) @ dense + l2 * np.eye(dense.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


@given(st.integers(1, 30), st.integers(1, 20), st.sampled_from([0.5, 10.0, 300.0]), st.integers(0, 999))
@settings(deadline=None, max_examples=40)
def test_weights_equal_an_inverse_in_float64(n_users, n_items, l2, seed):
    dense = interactions_of(n_users, n_items, seed)
    found = ease_weights(csr_array(dense), l2)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), naive_weights(dense, l2), atol=2e-5)


@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks_do_not_change_the_weights(monkeypatch, block):
    dense = interactions_of(50, 60, seed=3)
    expected = ease_weights(csr_array(dense), 20.0)
    monkeypatch.setattr(module, "BLOCK", block)
    assert torch.equal(ease_weights(csr_array(dense), 20.0), expected)


def test_each_column_of_weights_is_a_ridge_regression_of_an_item_on_the_others():
    dense, l2 = interactions_of(40, 6, seed=1).astype(float), 5.0
    found = ease_weights(csr_array(dense.astype(np.float32)), l2).numpy()
    for item in range(6):
        others = [other for other in range(6) if other != item]
        design = dense[:, others]
        # With the diagonal held at 0, the columns are regressions of their own.
        expected = np.linalg.solve(design.T @ design + l2 * np.eye(5), design.T @ dense[:, item])
        np.testing.assert_allclose(found[others, item], expected, atol=1e-5)


def test_numbers_other_than_0_and_1_are_weighed_likewise():
    residuals = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)
    np.testing.assert_allclose(
        ease_weights(csr_array(residuals), 3.0).numpy(), naive_weights(residuals, 3.0), atol=1e-5
    )


def test_popular_items_keep_their_accuracy_in_float32():
    rng = np.random.default_rng(0)
    popularity = 0.9 / (1 + np.arange(300)) ** 0.7
    dense = (rng.random((20_000, 300)) < popularity).astype(np.float32)
    expected = naive_weights(dense, 1.0)
    assert np.abs(ease_weights(csr_array(dense), 1.0).numpy() - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_penalty_that_leaves_the_matrix_singular_is_refused():
    dense = np.ones((50, 40), np.float32) * 1000
    with pytest.raises(CadcError, match=r"40 items cannot be inverted with the penalty l2 = 1e-06; .*raise it"):
        ease_weights(csr_array(dense), 1e-6)


def test_more_items_than_memory_holds_are_refused_before_anything_is_made(monkeypatch):
    monkeypatch.setattr(module.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}[name])
    with pytest.raises(MachineTrouble, match=r"EASE needs 0\.0 GB of memory for the 2000 items"):
        ease_weights(csr_array((3, 2000), dtype=np.float32), 1.0)


@pytest.mark.parametrize("k", [1, 3, 9])
def test_the_largest_weights_of_each_column_are_kept(k):
    weights = torch.randn(9, 9, generator=torch.Generator().manual_seed(0))
    first, columns, values = largest_by_column(weights, k)
    kept = csr_array((values.numpy(), columns.numpy(), first.numpy()), shape=(9, 9)).toarray()
    for column in range(9):
        largest = np.argsort(-weights[:, column].abs().numpy())[:k]
        expected = np.zeros(9)
        expected[largest] = weights[largest, column]
        np.testing.assert_array_equal(kept[:, column], expected.astype(np.float32))
