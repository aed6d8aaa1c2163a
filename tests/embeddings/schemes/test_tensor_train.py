"""Tensor trains of three cores."""

from itertools import pairwise
from math import prod

import numpy as np
import pytest
import torch

import cadc.embeddings.schemes.tensor_train as module
from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.table_file import file_bytes
from cadc.embeddings.schemes.tensor_train import TensorTrain, TensorTrainTable, column_factors, ranks_of, row_factors

FIELDS = [Field("user", "user", 40), Field("item", "item", 65)]
N, DIM = 105, 8


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def dense(table):
    """Multiply the cores out in NumPy."""
    a, b, c = (core.detach().double().numpy() for core in (table.first, table.second, table.third))
    return np.einsum("ioa,japb,kbq->ijkopq", a, b, c).reshape(-1, table.dim)[: table.n_rows]


@pytest.mark.parametrize("most_pairs", [0, 1 << 16])
def test_vectors_are_the_product_of_the_cores(most_pairs, monkeypatch):
    monkeypatch.setattr(module, "MOST_PAIRS", most_pairs)
    table = TensorTrainTable(FIELDS, DIM, [3, 5])
    table.reset(1.0, generator())
    rows = torch.tensor([104, 0, 7, 7, 39, 40, 104])
    assert np.allclose(table.vectors(rows).detach().numpy(), dense(table)[rows], atol=1e-5)
    assert np.allclose(table.reconstruct().numpy(), dense(table), atol=1e-5)
    assert table.vectors(rows[:0]).shape == (0, DIM)


@pytest.mark.parametrize("most_pairs", [0, 1 << 16])
def test_gradients_are_those_of_the_product(most_pairs, monkeypatch):
    monkeypatch.setattr(module, "MOST_PAIRS", most_pairs)
    table = TensorTrainTable([Field("user", "user", 12)], 4, [2, 2]).double()
    table.reset(1.0, generator())
    rows = torch.tensor([0, 5, 5, 11])

    def look_up(*cores):
        return torch.func.functional_call(table, dict(zip(["first", "second", "third"], cores, strict=True)), (rows,))

    table.forward = table.vectors
    assert torch.autograd.gradcheck(look_up, (table.first, table.second, table.third))


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 100, 999, 1000, 1001, 13_000, 10**6, 2 * 10**8])
def test_row_factors_are_near_the_cube_root_and_cover_all_rows(n):
    factors = row_factors(n)
    assert n <= prod(factors) <= n + factors[0] * factors[1]
    assert max(factors) <= n ** (1 / 3) * 1.8 + 1 and min(factors) == factors[1]


@pytest.mark.parametrize("d", range(1, 70))
def test_column_factors_multiply_to_the_columns(d):
    first, second, third = column_factors(d)
    assert first * second * third == d and second <= first <= third
    every = [(a, b, d // a // b) for a in range(1, d + 1) for b in range(1, d + 1) if d % (a * b) == 0]
    assert first + second + third == min(map(sum, every))


def test_ranks_are_the_highest_within_the_budget():
    rows, columns = row_factors(N), column_factors(DIM)
    for budget in (1200, 2000, 3000):
        table = TensorTrain(dim=DIM, small=0).table(TableSpec(FIELDS, budget))
        assert len(file_bytes(table)) <= budget
        assert abs(table.ranks[0] - table.ranks[1]) <= 1
        higher = ranks_of(sum(table.ranks) + 1, rows, columns)
        assert len(file_bytes(TensorTrainTable(FIELDS, DIM, higher))) > budget


def test_ranks_grow_together_and_not_beyond_what_the_cores_can_use():
    rows, columns = (5, 4, 5), (1, 1, 7)
    found = [ranks_of(total, rows, columns) for total in range(2, 41)]
    assert found[:3] == [[1, 1], [2, 1], [2, 2]] and found[-1] == [5, 20]
    assert all(one[0] <= other[0] and one[1] <= other[1] for one, other in pairwise(found))


def test_a_target_of_these_ranks_is_found_again_from_its_weighted_rows():
    table = TensorTrainTable(FIELDS, DIM, [3, 4])
    table.reset(1.0, generator())
    target = torch.from_numpy(dense(table)).float()
    weight = torch.randint(1, 50, (N,), generator=generator(1)).float()
    found = TensorTrainTable(FIELDS, DIM, [4, 5])
    found.reset(1.0, generator(2))
    found.project(target, torch.ones(N))
    assert float((found.reconstruct() - target).square().mean()) < 1e-3 * float(target.square().mean())
    full = TensorTrainTable(FIELDS, DIM, ranks_of(22, row_factors(N), column_factors(DIM)))
    full.project(target, weight)
    assert torch.allclose(full.reconstruct(), target, atol=1e-4)


def test_without_weights_and_with_full_blocks_it_is_near_the_best_unfolding():
    fields = [Field("user", "user", 125)]
    target = torch.randn(125, DIM, generator=generator())
    table = TensorTrainTable(fields, DIM, [4, 4])
    table.project(target, torch.ones(125))
    squared = float((table.reconstruct() - target).double().square().sum())
    grid = target.double().numpy().reshape(5, 5, 5, 2, 2, 2).transpose(0, 3, 1, 4, 2, 5)
    lost = [
        (np.linalg.svd(grid.reshape(left, -1), compute_uv=False)[4:] ** 2).sum() for left in (10, 100)
    ]  # no train of these ranks is nearer than either, and TT-SVD is within their sum
    assert max(lost) <= squared <= sum(lost)


def test_weights_are_heeded():
    target = torch.randn(N, DIM, generator=generator())
    weight = torch.ones(N)
    weight[40:50] = 1000.0
    errors = []
    for given in (weight, torch.ones(N)):
        table = TensorTrainTable(FIELDS, DIM, [3, 3])
        table.project(target, given)
        errors.append(float((table.reconstruct() - target)[40:50].square().mean()))
    assert errors[0] < 0.5 * errors[1]


def test_parts_without_a_target_keep_their_random_start():
    table = TensorTrainTable(FIELDS, DIM, [3, 3])
    table.reset(1.0, generator())
    before = table.first.detach().clone()
    weight = torch.zeros(N)
    block = table.row_shape[1] * table.row_shape[2]
    weight[block : 2 * block] = 1.0
    table.project(torch.randn(N, DIM, generator=generator(1)), weight)
    kept = [index for index in range(len(before)) if index != 1]
    assert torch.equal(table.first[kept], before[kept]) and not torch.equal(table.first[1], before[1])
    assert table.reconstruct().isfinite().all() and table.reconstruct()[:block].any()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_ranks_that_a_target_has_no_use_for_can_still_be_trained(value):
    target = torch.full((N, DIM), value)
    table = TensorTrainTable(FIELDS, DIM, [3, 4])
    table.reset(1.0, generator())
    table.project(target, torch.ones(N))
    assert torch.allclose(table.reconstruct(), target, atol=1e-5)
    table.train()
    optimizer = torch.optim.SGD(table.parameters(), lr=0.01)
    for _ in range(2):  # where all of them are of no use, the third core goes first
        optimizer.zero_grad()
        (table.vectors(torch.arange(N)) * torch.randn(N, DIM, generator=generator(1))).sum().backward()
        optimizer.step()
    slopes = [core.grad.abs() for core in (table.first, table.second, table.third)]
    assert (slopes[0].sum((0, 1)) + slopes[1].sum((0, 2, 3)) > 0).all()
    assert (slopes[1].sum((0, 1, 2)) + slopes[2].sum((0, 2)) > 0).all()
