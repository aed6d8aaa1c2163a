"""Codes of single bits with a read-out that all rows share."""

import numpy as np
import pytest
import torch

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.table_file import file_bytes
from cadc.embeddings.fitting.binary_fit import best_vectors, signs_and_vectors
from cadc.embeddings.schemes.hash_code import HashCode, HashCodeTable

FIELDS = (Field("user", "user", 300), Field("item", "item", 200))
N, DIM = 500, 6


def target(seed=0):
    return torch.randn(N, DIM, generator=torch.Generator().manual_seed(seed)) * torch.linspace(1, 0.1, DIM)


def mass():
    return torch.rand(N, generator=torch.Generator().manual_seed(1)) + 0.01


def error(signs, vectors, wanted, weight):
    return ((signs.double() @ vectors.double() - wanted.double()).square().sum(1) * weight.double()).sum()


@pytest.mark.parametrize("bits", [1, 3, 8, 13])
def test_what_is_stored_is_read_out_as_a_naive_sum_of_signed_vectors(bits):
    table = HashCodeTable(FIELDS, DIM, bits)
    table.reset(0.3, torch.Generator().manual_seed(2))
    served = table.eval().serving()
    stream = np.unpackbits(served["codes"].numpy(), bitorder="little")
    assert len(served["codes"]) == -(-N * bits // 8)
    found = table.vectors(torch.arange(N)).numpy()
    for row in range(N):
        own = stream[row * bits : (row + 1) * bits].astype(np.float32) * 2 - 1
        assert np.array_equal(own > 0, table.logits[row].detach().numpy() >= 0)
        np.testing.assert_allclose(found[row], own @ served["readout"].numpy(), atol=1e-6)
    table.train()
    torch.testing.assert_close(table.vectors(torch.arange(N)), torch.from_numpy(found))


def test_gradients_are_those_of_a_linear_read_out_and_logits_get_theirs_within_one():
    table = HashCodeTable(FIELDS, DIM, 5)
    table.reset(0.3, torch.Generator().manual_seed(2))
    with torch.no_grad():
        table.logits.mul_(40)
    rows, pull = torch.tensor([3, 3, 499, 0]), torch.randn(4, DIM, generator=torch.Generator().manual_seed(3))
    (table.vectors(rows) * pull).sum().backward()
    signs = np.where(table.logits.detach().numpy() >= 0, 1.0, -1.0)
    of_readout, of_logits = np.zeros((5, DIM)), np.zeros((N, 5))
    for row, own in zip(rows.tolist(), pull.numpy(), strict=True):
        of_readout += np.outer(signs[row], own)
        of_logits[row] += (table.readout.detach().numpy() @ own) * (abs(table.logits[row].detach().numpy()) <= 1)
    assert 0 < (abs(table.logits) <= 1).float().mean() < 1
    np.testing.assert_allclose(table.readout.grad.numpy(), of_readout, atol=1e-5)
    np.testing.assert_allclose(table.logits.grad.numpy(), of_logits, atol=1e-5)


@pytest.mark.parametrize("bits", [1, 4, 12])
def test_the_read_out_is_the_least_squares_solution_for_its_signs(bits):
    wanted, weight = target(), mass()
    signs, vectors = signs_and_vectors(wanted, weight, bits)
    assert set(signs.unique().tolist()) == {-1, 1}
    leaf = vectors.double().requires_grad_()
    error(signs, leaf, wanted, weight).backward()
    assert leaf.grad.abs().max() < 1e-4 * float(weight.sum())
    root = weight.sqrt().unsqueeze(1).numpy()
    expected = np.linalg.lstsq(signs.numpy() * root, wanted.numpy() * root, rcond=None)[0]
    np.testing.assert_allclose(vectors.numpy(), expected, atol=1e-4)


def test_codes_are_near_the_best_of_all_codes_for_their_read_out():
    wanted = target()[:40]
    signs, vectors = signs_and_vectors(wanted, torch.ones(40), 5)
    random = torch.where(torch.rand(40, 5, generator=torch.Generator().manual_seed(0)) < 0.5, 1, -1).to(torch.int8)
    at_random = error(random, best_vectors(wanted, torch.ones(40), random), wanted, torch.ones(40))
    codes = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 5)
    nearest = torch.cdist(wanted, codes @ vectors).amin(1).square().sum()
    found = error(signs, vectors, wanted, torch.ones(40))
    assert nearest <= found + 1e-6
    assert found < 1.25 * nearest
    assert found < 0.6 * at_random


def test_more_bits_come_closer_and_frequent_rows_closest():
    wanted, weight = target(), mass()
    errors = [float(error(*signs_and_vectors(wanted, weight, bits), wanted, weight)) for bits in (1, 4, 8, 16, 32)]
    assert sorted(errors, reverse=True) == errors
    assert errors[-1] < 0.02 * float((wanted.square().sum(1) * weight).sum())
    weight[:20] = 1e3
    signs, vectors = signs_and_vectors(wanted, weight, 6)
    plain = signs_and_vectors(wanted, mass(), 6)
    assert error(signs[:20], vectors, wanted[:20], weight[:20]) < error(
        plain[0][:20], plain[1], wanted[:20], weight[:20]
    )


def test_columns_that_agree_in_all_rows_have_a_solution_too():
    signs = torch.ones(10, 3, dtype=torch.int8)
    vectors = best_vectors(torch.full((10, 2), 6.0), torch.ones(10), signs)
    torch.testing.assert_close(vectors, torch.full((3, 2), 2.0))
    found = signs_and_vectors(torch.zeros(10, 2), torch.ones(10), 3)
    assert not (found[0].float() @ found[1]).any()


@pytest.mark.parametrize("budget", [1000, 2222, 5000, 20000])
def test_codes_are_as_long_as_the_budget_allows(budget):
    table = HashCode(dim=DIM).table(TableSpec(FIELDS, budget))
    assert len(file_bytes(table)) <= budget
    if table.bits < 32 * DIM:
        assert len(file_bytes(HashCodeTable(FIELDS, DIM, table.bits + 1))) > budget


def test_rows_without_a_target_keep_their_code():
    table, other = (HashCodeTable(FIELDS, DIM, 7) for _ in range(2))
    other.reset(0.05, torch.Generator().manual_seed(0))
    table.initialise_from([target()[:300], None])
    assert torch.equal(table.logits[300:], other.logits[300:])
    assert table.psnr > 15
