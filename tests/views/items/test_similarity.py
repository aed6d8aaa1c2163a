"""Similarity of items over their common users, and the largest values of each row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

from cadc.views import nearest_items
from cadc.views.items import similarity
from cadc.views.items.similarity import largest_by_row


def residuals_of(n_users, n_items, seed, levels):
    """Residuals in random places; with few levels, so that sums are often 0 and similarities often equal."""
    rng = np.random.default_rng(seed)
    users, items = (rng.random((n_users, n_items)) < 0.5).nonzero()
    values = rng.choice(levels, size=len(users)) if levels else rng.normal(size=len(users))
    return coo_array((values.astype(np.float32), (users, items)), shape=(n_users, n_items)).tocsr()


def naive_similarity(residuals, shrinkage, min_common):
    """All similarities, by loops over pairs of items, in float64; NaN for pairs that are not compared."""
    n_items = residuals.shape[1]
    values = residuals.toarray().astype(float)
    there = (
        csr_array((np.ones_like(residuals.data), residuals.indices, residuals.indptr), residuals.shape).toarray() > 0
    )
    found = np.full((n_items, n_items), np.nan)
    for one in range(n_items):
        for other in range(n_items):
            both = there[:, one] & there[:, other]
            if one != other and both.sum() >= max(1, min_common):
                left, right = values[both, one], values[both, other]
                norm = np.sqrt(max((left**2).sum() * (right**2).sum(), 1e-9))
                found[one, other] = left @ right / norm * both.sum() / (both.sum() + shrinkage)
    return found


@given(
    st.integers(1, 15),
    st.integers(1, 10),
    st.sampled_from([0.0, 3.0, 100.0]),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([(), (-1, 1), (0,), (-2, 0, 1)]),
    st.integers(0, 999),
)
@settings(deadline=None, max_examples=100)
def test_similarities_equal_loops_over_pairs(n_users, n_items, shrinkage, min_common, levels, seed):
    residuals = residuals_of(n_users, n_items, seed, levels)
    expected = naive_similarity(residuals, shrinkage, min_common)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "TERMS", 20)
        found = nearest_items(residuals, shrinkage, k=n_items, min_common=min_common)
    assert found.dtype == np.float32
    assert found.nnz == np.isfinite(expected).sum()
    np.testing.assert_allclose(found.toarray(), np.nan_to_num(expected), atol=2e-6)


def test_small_residuals_keep_their_digits_beside_large_ones():
    rng = np.random.default_rng(0)
    residuals = (rng.normal(size=(200, 4)) * [0.01, 0.01, 1, 100]).astype(np.float32)
    found = nearest_items(csr_array(residuals), shrinkage=0, k=4)
    expected = naive_similarity(csr_array(residuals), 0, 1)
    np.testing.assert_allclose(found.toarray(), np.nan_to_num(expected), atol=1e-5)


@given(st.integers(1, 8), st.integers(1, 9), st.integers(1, 5), st.booleans(), st.integers(0, 999))
@settings(deadline=None, max_examples=30)
def test_each_row_keeps_its_largest_values(n_rows, n_columns, k, equal, seed):
    rng = np.random.default_rng(seed)
    dense = rng.integers(-2, 3, (n_rows, n_columns)) if equal else rng.normal(size=(n_rows, n_columns))
    dense = (dense * (rng.random(dense.shape) < 0.7)).astype(np.float32)
    found = largest_by_row(csr_array(dense), k).toarray()
    for row, kept in zip(dense, found, strict=True):
        expected = np.zeros_like(row)
        largest = np.argsort(-np.abs(row), kind="stable")[:k]
        expected[largest] = row[largest]
        np.testing.assert_array_equal(kept, expected)


def test_columns_need_not_be_in_order():
    rows = csr_array((np.float32([1, -3, 2]), [2, 0, 1], [0, 3]), shape=(1, 3))
    found = largest_by_row(rows, 2)
    assert (found.indices.tolist(), found.data.tolist()) == ([0, 1], [-3, 2])
