"""Sizes meet their budget exactly, within their bounds, in the order of their weights."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.errors import UsageError
from cadc.streams.sizes import sizes_within

WEIGHTS = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1e6)), min_size=1, max_size=60)


@given(WEIGHTS, st.integers(1, 40), st.data())
@settings(deadline=None, max_examples=300)
def test_the_budget_is_met_exactly(weights, most, data):
    n = len(weights)
    total = data.draw(st.integers(n, n * most + 5))
    sizes = sizes_within(torch.tensor(weights), total, most)
    assert int(sizes.sum()) == min(total, n * most)
    assert 1 <= int(sizes.min()) <= int(sizes.max()) <= most
    order = sorted(range(n), key=lambda row: weights[row])
    ordered = sizes[order].tolist()
    # A row that weighs more is never smaller, but for the one that a remainder may add.
    assert all(later >= earlier - 1 for earlier, later in pairwise(ordered))


def test_sizes_are_proportional_where_no_bound_holds():
    assert sizes_within(torch.tensor([1.0, 2.0, 4.0]), total=14, most=100).tolist() == [2, 4, 8]


def test_equal_weights_differ_by_one_at_most():
    sizes = sizes_within(torch.ones(7), total=25, most=10)
    assert sorted(sizes.tolist()) == [3, 3, 3, 4, 4, 4, 4]


def test_a_budget_below_a_number_a_row_names_the_smallest():
    with pytest.raises(UsageError, match=r"9 numbers does not reach for 10 rows; the smallest that does is 10"):
        sizes_within(torch.ones(10), total=9, most=4)
