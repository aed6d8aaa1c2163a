"""Vectors of values and means of bags, and their gradients, are those of naive sums."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.batch import Bag
from cadc.embeddings.coding import look_up
from cadc.embeddings.coding.look_up import looked_up
from cadc.embeddings.coding.rows import summed_by_row

N_ROWS, DIM = 9, 3
a_row = st.integers(0, N_ROWS - 1)
batches = st.lists(
    st.tuples(st.tuples(a_row, a_row), st.lists(a_row, max_size=4), st.lists(a_row, max_size=2)),
    min_size=1,
    max_size=10,
)


def bag_of(lists):
    starts = torch.tensor([0, *(len(values) for values in lists)]).cumsum(0)[:-1]
    return Bag(torch.tensor([value for values in lists for value in values], dtype=torch.int32), starts.int())


def naive(matrix, batch):
    zeros = torch.zeros(DIM, dtype=matrix.dtype)
    return torch.stack(
        [
            torch.stack([*matrix[list(single)], *(matrix[bag].mean(0) if bag else zeros for bag in bags)])
            for single, *bags in batch
        ]
    )


@pytest.mark.parametrize(("sparse", "sorted_from"), [(False, 1 << 15), (False, 0), (True, 0)])
@settings(deadline=None, max_examples=50)
@given(batches)
def test_vectors_and_gradients_are_those_of_naive_sums(sparse, sorted_from, batch):
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(N_ROWS, DIM, generator=generator, dtype=torch.float64, requires_grad=True)
    given = torch.randn(len(batch), 4, DIM, generator=generator, dtype=torch.float64)
    single, first, second = zip(*batch, strict=True)
    found = looked_up(matrix, torch.tensor(single, dtype=torch.int32), [bag_of(first), bag_of(second)], sparse=sparse)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(look_up, "SORTED_FROM", sorted_from)
        found.backward(given)
    twin = matrix.detach().clone().requires_grad_()
    expected = naive(twin, batch)
    expected.backward(given)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    assert matrix.grad.is_sparse == sparse
    torch.testing.assert_close(matrix.grad.to_dense(), twin.grad, rtol=1e-10, atol=1e-10)


def test_gradients_of_single_values_have_the_same_bits_with_and_without_sorting(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(0, N_ROWS, (500, 2), generator=generator, dtype=torch.int32)
    given = torch.randn(500, 2, DIM, generator=generator)
    gradients = []
    for sorted_from in (0, 1 << 15):
        monkeypatch.setattr(look_up, "SORTED_FROM", sorted_from)
        matrix = torch.ones(N_ROWS, DIM, requires_grad=True)
        looked_up(matrix, rows, []).backward(given)
        gradients.append(matrix.grad)
    assert torch.equal(*gradients)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
@settings(deadline=None, max_examples=50)
@given(st.lists(a_row, min_size=1, max_size=40))
def test_values_of_equal_rows_are_added_in_their_order(dtype, rows):
    values = torch.randn(len(rows), DIM, generator=torch.Generator().manual_seed(0))
    different, sums = summed_by_row(torch.tensor(rows, dtype=dtype), values)
    expected = torch.zeros(N_ROWS, DIM)
    for row, value in zip(rows, values, strict=True):
        expected[row] += value
    assert different.tolist() == sorted(set(rows))
    assert torch.equal(sums, expected[different.long()])


@pytest.mark.parametrize("sparse", [False, True])
def test_bags_that_are_all_empty_give_zeros_and_no_gradient(sparse):
    matrix = torch.ones(N_ROWS, DIM, requires_grad=True)
    found = looked_up(matrix, torch.empty(2, 0, dtype=torch.int32), [bag_of([[], []])], sparse=sparse)
    found.sum().backward()
    assert found.shape == (2, 1, DIM) and not found.any()
    assert not matrix.grad.to_dense().any()
