"""Weighted approximation of a target, column by column, by products of two shared numbers."""

import torch
from torch import Tensor

MAX_SWEEPS = 200
TOLERANCE = 1e-9
"""Relative gain of a sweep below which the error is taken for the least."""
POWER_STEPS = 30
TINY = torch.finfo(torch.float64).tiny


def fit_products(target: Tensor, weight: Tensor, quotients: Tensor, remainders: Tensor) -> None:
    """Change two tables so that Q[v div m]·R[v mod m] is nearest to the target, by alternating least squares.

    A column of the target is a matrix [q, m] that a product of two vectors is to approximate. Alternating weighted
    least squares start from its first singular vectors, the matrix being scaled by the roots of its mean weights in
    rows and columns, which is the solution itself where weights are products of the two. Numbers of Q and R get the
    same mean square. One column is taken at a time.

    Parameters
    ----------
    target, weight : float32, shapes [n, d] and [n]; weights are not negative.
    quotients, remainders : Q and R, shapes [q, d] and [m, d], changed in place; what no row of positive weight uses
        stays as it is.
    """
    q, m = len(quotients), len(remainders)
    heavy = _matrix(weight, q, m)
    heavy = heavy / heavy.max().clamp(min=torch.finfo(torch.float64).tiny)
    used_q, used_r = heavy.any(1), heavy.any(0)
    for column in range(target.shape[1]):
        left, right = _rank_one(_matrix(target[:, column], q, m), heavy)
        size_left, size_right = left[used_q].square().mean(), right[used_r].square().mean()
        if not (size_left > 0 and size_right > 0):  # were both zero, training would have no gradient
            quotients[used_q, column] = 0
            continue
        scale = (size_right / size_left) ** 0.25
        quotients[used_q, column] = (left * scale)[used_q].to(quotients.dtype)
        remainders[used_r, column] = (right / scale)[used_r].to(remainders.dtype)


def _rank_one(matrix: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return x [q] and y [m] of the least Σ w·(x·yᵀ - matrix)²."""
    weighted = weight * matrix
    roots = weight.mean(1).sqrt(), weight.mean(0).sqrt()
    scaled = (weight > 0) * matrix * roots[0].unsqueeze(1) * roots[1]
    y = scaled.T @ scaled[:, scaled.square().sum(0).argmax()]
    for _ in range(POWER_STEPS):
        y = scaled.T @ (scaled @ (y / y.norm().clamp(min=TINY)))
    x, y, before = weighted.sum(1), _divided(y, roots[1]), 0.0
    for _ in range(MAX_SWEEPS):
        x = _divided(weighted @ y, weight @ y.square())
        against = weighted.T @ x
        y = _divided(against, weight.T @ x.square())
        gained = float(against @ y)  # by how much the squared error is below that of zeros
        if gained - before <= TOLERANCE * gained:
            break
        before = gained
    return x, y


def _divided(value: Tensor, by: Tensor) -> Tensor:
    """Return a quotient, 0 where it would be divided by 0."""
    return torch.where(by > 0, value / by.clamp(min=TINY), 0.0)


def _matrix(values: Tensor, q: int, m: int) -> Tensor:
    """Return numbers of rows as a float64 matrix, the last row filled up with zeros, shape [q, m]."""
    found = torch.zeros(q * m, dtype=torch.float64)
    found[: len(values)] = values
    return found.view(q, m)
