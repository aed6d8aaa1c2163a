"""Rounded vectors whose product comes nearest to a matrix, and how they are packed."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cadc.models.distilled.packed_columns import bytes_of, columns_of, pack_columns, rounded
from cadc.models.distilled.rounded_product import rounded_product


def made_up(n_users=60, n_items=40, rank=3, noise=0.1):
    generator = torch.Generator().manual_seed(0)
    p, q = (torch.randn(n, rank, generator=generator) for n in (n_users, n_items))
    biases = torch.randn(n_users, 1, generator=generator) + torch.randn(n_items, generator=generator)
    matrix = 2 + biases + p @ q.T + noise * torch.randn(n_users, n_items, generator=generator)
    return matrix, torch.rand(n_users, generator=generator) + 0.1, torch.rand(n_items, generator=generator) + 0.1


def product(matrix, user_mass, item_mass, dim, bits):
    found = rounded_product(matrix.clone(), user_mass, item_mass, dim, bits, np.random.default_rng(0))
    users, items = found.users.levels, found.items.levels
    return found, found.mean + users[:, :1] + items[:, 0] + users[:, 1:] @ items[:, 1:].T


def error(matrix, other, user_mass, item_mass):
    return float(user_mass @ (matrix - other).square() @ item_mass / user_mass.sum() / item_mass.sum())


def test_with_bits_enough_it_is_the_best_product_of_that_rank():
    matrix, user_mass, item_mass = made_up(noise=0.3)
    _, found = product(matrix, user_mass, item_mass, dim=2, bits=24)
    # An independent bound: nothing of rank 4, which biases and two columns are at most, comes nearer.
    weighed = user_mass.sqrt()[:, None] * matrix * item_mass.sqrt()
    bound = float(torch.linalg.svdvals(weighed)[4:].square().sum() / user_mass.sum() / item_mass.sum())
    centred = matrix - (matrix @ item_mass / item_mass.sum())[:, None]
    centred = centred - user_mass @ centred / user_mass.sum()
    weighed = user_mass.sqrt()[:, None] * centred * item_mass.sqrt()
    best = float(torch.linalg.svdvals(weighed)[2:].square().sum() / user_mass.sum() / item_mass.sum())
    assert bound < error(matrix, found, user_mass, item_mass) < 1.02 * best


def test_more_bits_are_nearer_and_none_are_wasted_on_noise():
    matrix, user_mass, item_mass = made_up()
    found = {bits: product(matrix, user_mass, item_mass, dim=8, bits=bits) for bits in (6, 12, 24)}
    errors = [error(matrix, product, user_mass, item_mass) for _, product in found.values()]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert [sum(own.widths) for own, _ in found.values()] == [6, 12, 24]
    widths = found[24][0].widths
    assert min(widths[:4]) > max(widths[4:])


def test_vectors_that_are_fitted_to_one_another_lose_less_than_rounded_singular_vectors():
    matrix, *_ = made_up(noise=0.0)
    matrix = matrix - matrix.mean(1, keepdim=True)
    matrix = matrix - matrix.mean(0)
    ones = torch.ones(60), torch.ones(40)
    found, fitted = product(matrix, *ones, dim=3, bits=8)
    u, s, vt = torch.linalg.svd(matrix, full_matrices=False)
    sides = u[:, :3] * s[:3].sqrt(), vt[:3].T * s[:3].sqrt()
    columns = [
        torch.stack([rounded(own[:, k], bits, torch.ones(len(own)))[0] for k, bits in enumerate(found.widths[1:])], 1)
        for own in sides
    ]
    assert error(matrix, fitted, *ones) < 0.95 * error(matrix, columns[0] @ columns[1].T, *ones)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=6), st.integers(1, 40), st.integers(0, 9))
def test_packed_columns_are_the_levels(widths, n, seed):
    numbers = torch.randn(n, len(widths), generator=torch.Generator().manual_seed(seed))
    levels, steps = torch.zeros_like(numbers), torch.zeros(len(widths))
    for column, bits in enumerate(widths):
        if bits:
            levels[:, column], steps[column] = rounded(numbers[:, column], bits, torch.ones(n))
    size = bytes_of(n, sum(widths) + 1)
    packed = pack_columns(levels, steps, widths, size)
    assert packed.dtype == torch.uint8
    assert len(packed) == size
    found = columns_of(packed, torch.arange(n), n, steps, torch.tensor(widths, dtype=torch.uint8))
    assert not found[0].any(), "row 0 is unknown"
    assert torch.equal(found[1:], levels[1:])


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_rounded_numbers_have_so_many_levels(bits):
    levels, step = rounded(torch.linspace(-1, 1, 3000), bits, torch.ones(3000))
    assert len(levels.unique()) == 2**bits
    assert torch.allclose(levels / step - 0.5, (levels / step - 0.5).round())
