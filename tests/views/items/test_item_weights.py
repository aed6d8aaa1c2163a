"""Sums of weights between items over histories, for pairs and for all items."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

from cadc.views import SparseItemWeights
from cadc.views.items import item_weights


def case(n_items, n_histories, n_rows, seed, share=0.4):
    """Weights towards items by rows, histories with repeated items, and rows that ask for pairs."""
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((n_items, n_items)) < share, rng.normal(size=(n_items, n_items)), 0).astype(np.float32)
    n_values = 3 * n_histories
    values = rng.normal(size=n_values).astype(np.float32)
    where = (np.sort(rng.integers(n_histories, size=n_values)), rng.integers(n_items, size=n_values))
    first = np.searchsorted(where[0], np.arange(n_histories + 1))
    histories = csr_array((values, where[1], first), shape=(n_histories, n_items))
    of, items = rng.integers(n_histories, size=n_rows), rng.integers(n_items, size=n_rows)
    return dense, histories, torch.from_numpy(of), torch.from_numpy(items)


def naive(dense, histories, of, items):
    """The sums by loops over the values of a history."""
    found = []
    for history, item in zip(of.tolist(), items.tolist(), strict=True):
        span = slice(histories.indptr[history], histories.indptr[history + 1])
        pairs = zip(histories.indices[span], histories.data[span], strict=True)
        found.append(sum(float(dense[item, source]) * float(value) for source, value in pairs))
    return np.array(found)


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 20), st.integers(0, 999), st.sampled_from([1, 5, 1 << 22]))
@settings(deadline=None, max_examples=30)
def test_sums_of_pairs_and_of_all_items_equal_loops(n_items, n_histories, n_rows, seed, cells):
    dense, histories, of, items = case(n_items, n_histories, n_rows, seed)
    expected = naive(dense, histories, of, items)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_weights, "CELLS", cells)
        weights = SparseItemWeights.of(csr_array(dense))
        sums = weights.pair_sums(histories, of, items)
        of_all = weights.item_sums(histories)
    assert sums.dtype == of_all.dtype == torch.float32
    np.testing.assert_allclose(sums.numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(of_all[of, items].numpy(), expected, atol=1e-4)


def test_weights_in_few_bytes_give_the_sums_of_their_values():
    dense, histories, of, items = case(9, 5, 30, seed=1)
    whole = SparseItemWeights.of(csr_array(dense))
    assert whole.sources.dtype == torch.uint16
    small = SparseItemWeights(whole.first, whole.sources, whole.values.half())
    rounded = dense.astype(np.float16).astype(np.float32)
    np.testing.assert_allclose(
        small.pair_sums(histories, of, items).numpy(), naive(rounded, histories, of, items), atol=1e-4
    )


def test_absolute_weights_keep_their_places():
    dense, histories, of, items = case(9, 5, 30, seed=2)
    found = SparseItemWeights.of(csr_array(dense)).absolute().pair_sums(histories, of, items)
    np.testing.assert_allclose(found.numpy(), naive(np.abs(dense), histories, of, items), atol=1e-4)


def test_items_beyond_65536_keep_their_numbers():
    n_items = (1 << 16) + 2
    weights = SparseItemWeights.of(coo_array(([2.0], ([0], [n_items - 1])), shape=(n_items, n_items)).tocsr())
    history = coo_array((np.float32([3.0]), ([0], [n_items - 1])), shape=(1, n_items)).tocsr()
    assert weights.pair_sums(history, torch.tensor([0, 0]), torch.tensor([0, 1])).tolist() == [6.0, 0.0]
