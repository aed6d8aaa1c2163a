"""The product of rounded vectors that comes nearest to a matrix, within a number of bits a vector."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cadc.embeddings.fitting.bit_allocation import allot
from cadc.models.distilled.packed_columns import rounded

MOST_BITS = 8
OVERSAMPLING = 10
POWER_ITERATIONS = 4
ROUNDS = 4
"""Rounds of fitting users to items and items to users; later ones gain nothing."""

SWEEPS = 2
"""Times that each column is rounded anew within a round, beside what the others have become."""


@dataclass(frozen=True)
class Side:
    """Rounded vectors of users or items.

    Parameters
    ----------
    levels : the bias, then the vector, float32, shape [n, k].
    steps : of each column, float32, shape [k]; 0 for columns without bits.
    """

    levels: Tensor
    steps: Tensor


@dataclass(frozen=True)
class RoundedProduct:
    """mean + b_u + b_i + p_u·q_i.

    Parameters
    ----------
    mean : of the matrix.
    users, items : their biases and vectors.
    widths : bits of each column, the bias first.
    """

    mean: float
    users: Side
    items: Side
    widths: list[int]


def rounded_product(
    matrix: Tensor, user_mass: Tensor, item_mass: Tensor, dim: int, bits: int, generator: np.random.Generator
) -> RoundedProduct:
    """Approximate a matrix, in squared error weighed by the products of masses.

    It begins with biases and the leading singular vectors. Bits go to the columns greedily by what they gain, and
    columns that no bit is worth are left out. Then users and items are fitted to one another by turns, a column at a
    time, each rounded at once, so that later columns make up for what earlier ones have lost.

    Parameters
    ----------
    matrix : users × items, float32, shape [U, I]; it is overwritten.
    user_mass, item_mass : not negative, float32, shapes [U] and [I].
    dim : length of the vectors at most.
    bits : of each vector, its bias included.
    generator : draws a random projection.
    """
    pu, pi = user_mass / user_mass.sum(), item_mass / item_mass.sum()
    mean = float(pu @ (matrix @ pi))
    rest = matrix.sub_(mean)
    user_bias, item_bias = rest @ pi, pu @ rest
    p, q = _leading(rest, user_bias, item_bias, pu, pi, dim, generator)
    of_users, of_items = torch.cat([user_bias[:, None], p], 1), torch.cat([item_bias[:, None], q], 1)
    widths = _allotted(of_users, of_items, pu, pi, bits)
    users, items = _rounded(of_users, widths, pu), _rounded(of_items, widths, pi)
    for _ in range(ROUNDS):
        users = _fit_side(rest, users, items.levels, pu, pi, widths)
        items = _fit_side(rest.T, items, users.levels, pi, pu, widths)
    return RoundedProduct(mean, users, items, widths)


def _leading(
    rest: Tensor,
    user_bias: Tensor,
    item_bias: Tensor,
    pu: Tensor,
    pi: Tensor,
    dim: int,
    generator: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Return the leading singular vectors of the weighed matrix without biases, as p and q, by random projection."""
    su, si = pu.sqrt(), pi.sqrt()

    def times(other: Tensor) -> Tensor:
        weighed = si[:, None] * other
        return su[:, None] * (rest @ weighed - user_bias[:, None] * weighed.sum(0) - item_bias @ weighed)

    def transposed_times(other: Tensor) -> Tensor:
        weighed = su[:, None] * other
        return si[:, None] * (rest.T @ weighed - item_bias[:, None] * weighed.sum(0) - user_bias @ weighed)

    width = min(dim + OVERSAMPLING, *rest.shape)
    start = generator.standard_normal((rest.shape[1], width), dtype=np.float32)
    basis = torch.linalg.qr(times(torch.from_numpy(start)))[0]
    for _ in range(POWER_ITERATIONS):
        basis = torch.linalg.qr(times(torch.linalg.qr(transposed_times(basis))[0]))[0]
    right, values, turned = torch.linalg.svd(transposed_times(basis), full_matrices=False)
    scale = values[:dim].sqrt()
    return (
        (basis @ turned.T)[:, :dim] * scale * _inverse(su)[:, None],
        right[:, :dim] * scale * _inverse(si)[:, None],
    )


def _inverse(numbers: Tensor) -> Tensor:
    return torch.where(numbers > 0, 1 / numbers, 0)


def _allotted(of_users: Tensor, of_items: Tensor, pu: Tensor, pi: Tensor, bits: int) -> list[int]:
    """Return the bits of each column, by the error that its rounding adds to the product."""
    errors = []
    for column in range(of_users.shape[1]):
        sides = [(of_users[:, column], pu), (of_items[:, column], pi)]
        # Biases are multiplied by 1, vectors by those of the other side.
        energy = [1.0, 1.0] if column == 0 else [float(mass @ own.square()) for own, mass in reversed(sides)]
        none = sum(float(mass @ own.square()) for own, mass in sides) if column == 0 else energy[0] * energy[1]
        found = [none]
        for width in range(1, MOST_BITS + 1):
            lost = [float(mass @ (own - rounded(own, width, mass)[0]).square()) for own, mass in sides]
            found.append(sum(own * other for own, other in zip(lost, energy, strict=True)))
        errors.append(found)
    n = len(errors)
    widths = allot(errors, [1] * n, bits, range(MOST_BITS + 1), [MOST_BITS] * n)
    assert widths is not None, "columns begin with 0 bits"
    return widths


def _rounded(columns: Tensor, widths: list[int], mass: Tensor) -> Side:
    levels, steps = torch.zeros_like(columns), torch.zeros(len(widths))
    for column, bits in enumerate(widths):
        if bits:
            levels[:, column], steps[column] = rounded(columns[:, column], bits, mass)
    return Side(levels, steps)


def _partner(levels: Tensor) -> Tensor:
    """Return what the other side's columns are multiplied by: 1, then the vector."""
    return torch.cat([torch.ones(len(levels), 1), levels[:, 1:]], 1)


def _fit_side(
    rest: Tensor, side: Side, others: Tensor, own_mass: Tensor, other_mass: Tensor, widths: list[int]
) -> Side:
    """Return one side fitted to the other by coordinate descent, each column rounded as soon as it is fitted.

    Parameters
    ----------
    rest : what biases and vectors are to explain, shape [n, m].
    side : to begin with.
    others : levels of the other side, shape [m, k].
    own_mass, other_mass : shapes [n] and [m].
    widths : bits of each column.
    """
    partner = _partner(others)
    weighed = partner * other_mass[:, None]
    gram = partner.T @ weighed
    # What the other side's biases explain is no part of the target.
    target = rest @ weighed - others[:, 0] @ weighed
    levels, steps = side.levels.clone(), side.steps.clone()
    for _ in range(SWEEPS):
        for column, bits in enumerate(widths):
            size = gram[column, column]
            if bits and size > 0:
                wanted = target[:, column] - levels @ gram[:, column] + levels[:, column] * size
                levels[:, column], steps[column] = rounded(wanted / size, bits, own_mass)
    return Side(levels, steps)
