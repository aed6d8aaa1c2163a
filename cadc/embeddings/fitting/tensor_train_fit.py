"""Tensor trains near a dense target: TT-SVD (Oseledets 2011), then weighted least squares for the outer cores."""

from collections.abc import Iterator
from math import prod

import torch
from torch import Tensor

from cadc.embeddings.coding.rows import CHUNK

SWEEPS = 3
"""Times that the first and the third core are fitted in turn."""
SINGULAR = 1e-10
"""Share of the largest eigenvalue below which a direction counts as unknown."""
UNUSED = 1e-18
"""Share of the largest squared size below which a rank is of no use."""


def fit_cores(target: Tensor, weight: Tensor, columns: tuple[int, int, int], *cores: Tensor) -> None:
    """Change three cores A [n1, d1, r1], B [n2, r1, d2, r2] and C [n3, r2, d3] so that their product is near a target.

    A TT-SVD knows no weights, but if they are a product w1[i1]·w2[i2]·w3[i3], scaling by their roots gives the weighted
    solution. So it is scaled by the roots of the mean weights along each of the three. Then A and C are fitted in turn
    to the true weights, which has a closed form each and makes the error not larger than that of zeros. B stays what
    the SVD gave: its least squares would need (r1·r2)² numbers for each i2. The target is read in blocks, and nothing
    of its size is made.

    Parameters
    ----------
    target, weight : float32, shapes [n, d] and [n], n ≤ n1·n2·n3, d = d1·d2·d3; weights are not negative.
    columns : d1, d2 and d3.
    cores : A, B and C, changed in place; parts of them that no row of positive weight uses stay as they are.
    """
    if not weight.any():
        return
    starts = [core.double() for core in cores]
    grid = _Grid(target, weight, (len(starts[0]), len(starts[1]), len(starts[2])), columns)
    means = grid.mean_weights()
    ranks = starts[0].shape[2], starts[2].shape[1]
    first, second, third = _tensor_train_svd(grid, [mean.sqrt() for mean in means], ranks)
    for _ in range(SWEEPS):
        first = _fitted_first(grid, second, third)
        third = _fitted_third(grid, first, second)
    for _ in range(2):
        _balance(first, second.transpose(1, 3))
        _balance(second, third.transpose(1, 2))
    _revive(first, second.transpose(1, 3), starts[0])
    _revive(second, third.transpose(1, 2), starts[1])
    for core, found, mean in zip(cores, (first, second, third), means, strict=True):
        core[mean > 0] = found[mean > 0].to(core.dtype)


class _Grid:
    """A target and its weights as blocks [n1, k, n3, d1, d2, d3] and [n1, k, n3] of k second indices, in float64."""

    def __init__(
        self, target: Tensor, weight: Tensor, rows: tuple[int, int, int], columns: tuple[int, int, int]
    ) -> None:
        self.target, self.weight, self.rows, self.columns = target, weight, rows, columns

    def __iter__(self) -> Iterator[tuple[slice, Tensor, Tensor]]:
        n1, n2, n3 = self.rows
        step = max(1, CHUNK // (n1 * n3))
        for start in range(0, n2, step):
            second = torch.arange(start, min(start + step, n2))
            rows = (torch.arange(n1)[:, None, None] * n2 + second[:, None]) * n3 + torch.arange(n3)
            is_row = rows < len(self.target)
            rows = rows.where(is_row, 0)
            weights = self.weight[rows].double().where(is_row, 0.0)
            values = self.target[rows].double().view(*rows.shape, *self.columns)
            yield slice(start, start + len(second)), values, weights

    def mean_weights(self) -> list[Tensor]:
        """Return the mean weight of each first, second and third index, over the mean of all."""
        n1, n2, n3 = self.rows
        padded = torch.zeros(prod(self.rows), dtype=torch.float64)
        padded[: len(self.weight)] = self.weight
        padded = padded.view(n1, n2, n3) / padded.mean().clamp(min=torch.finfo(torch.float64).tiny)
        return [padded.mean((1, 2)), padded.mean((0, 2)), padded.mean((0, 1))]


def _tensor_train_svd(grid: _Grid, roots: list[Tensor], ranks: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the cores whose product is near the target, scaled by the roots, from the first unfolding on."""
    (n1, n2, n3), (d1, d2, d3), (r1, r2) = grid.rows, grid.columns, ranks

    def unfolded() -> Iterator[tuple[slice, Tensor]]:
        for seconds, values, weights in grid:
            scale = roots[0][:, None, None] * roots[1][seconds, None] * roots[2] * (weights > 0)
            yield seconds, (values * scale[..., None, None, None]).permute(0, 3, 1, 2, 4, 5).reshape(n1 * d1, -1)

    gram = torch.zeros(n1 * d1, n1 * d1, dtype=torch.float64)
    for _, block in unfolded():
        gram += block @ block.T
    basis = torch.linalg.eigh(gram).eigenvectors[:, -r1:]

    def unfolded_again() -> Iterator[tuple[slice, Tensor]]:
        for seconds, block in unfolded():
            yield seconds, (basis.T @ block).view(r1, -1, n3, d2, d3).transpose(2, 3).reshape(-1, n3 * d3)

    gram = torch.zeros(n3 * d3, n3 * d3, dtype=torch.float64)
    for _, block in unfolded_again():
        gram += block.T @ block
    last = torch.linalg.eigh(gram).eigenvectors[:, -r2:]
    first, third = basis.view(n1, d1, r1), last.T.reshape(r2, n3, d3).transpose(0, 1)
    second = torch.zeros(n2, r1, d2, r2, dtype=torch.float64)
    for seconds, block in unfolded_again():
        second[seconds] = (block @ last).view(r1, -1, d2, r2).transpose(0, 1)
    scales = [root.where(root > 0, 1.0) for root in roots]
    return first / scales[0][:, None, None], second / scales[1][:, None, None, None], third / scales[2][:, None, None]


def _fitted_first(grid: _Grid, second: Tensor, third: Tensor) -> Tensor:
    """Return the A of least weighted squared error."""
    n1, (d1, d2, d3), r1 = grid.rows[0], grid.columns, second.shape[1]
    gram = torch.zeros(n1, r1 * r1, dtype=torch.float64)
    right = torch.zeros(n1 * d1, r1, dtype=torch.float64)
    for seconds, values, weights in grid:
        known = torch.einsum("kapb,nbq->knapq", second[seconds], third).reshape(-1, r1, d2 * d3)
        gram += weights.view(n1, -1) @ known.bmm(known.transpose(1, 2)).flatten(1)
        weighed = (values * weights[..., None, None, None]).permute(0, 3, 1, 2, 4, 5).reshape(n1 * d1, -1)
        right += weighed @ known.transpose(1, 2).reshape(-1, r1)
    return right.view(n1, d1, r1) @ _inverse(gram.view(n1, r1, r1))


def _fitted_third(grid: _Grid, first: Tensor, second: Tensor) -> Tensor:
    """Return the C of least weighted squared error."""
    n3, (d1, d2, d3), r2 = grid.rows[2], grid.columns, second.shape[3]
    gram = torch.zeros(n3, r2 * r2, dtype=torch.float64)
    right = torch.zeros(r2, n3 * d3, dtype=torch.float64)
    for seconds, values, weights in grid:
        known = torch.einsum("ioa,kapb->ikopb", first, second[seconds]).reshape(-1, d1 * d2, r2)
        gram += weights.reshape(-1, n3).T @ known.transpose(1, 2).bmm(known).flatten(1)
        weighed = (values * weights[..., None, None, None]).permute(0, 1, 3, 4, 2, 5).reshape(-1, n3 * d3)
        right += known.reshape(-1, r2).T @ weighed
    return _inverse(gram.view(n3, r2, r2)) @ right.view(r2, n3, d3).transpose(0, 1)


def _inverse(gram: Tensor) -> Tensor:
    """Return the pseudo-inverses of symmetric matrices [n, r, r], with which solutions are the smallest."""
    return torch.linalg.pinv(gram, rtol=SINGULAR, hermitian=True)


def _balance(left: Tensor, right: Tensor) -> None:
    """Scale each rank, the last dimension of two cores, so that both have the same mean square there, in place."""
    squares = [core.flatten(0, -2).square().mean(0) for core in (left, right)]
    both = (squares[0] > 0) & (squares[1] > 0)
    factor = (squares[1] / squares[0]).where(both, 1.0) ** 0.25
    left *= factor
    right /= factor


def _revive(left: Tensor, right: Tensor, start: Tensor) -> None:
    """Give ranks that a target has no use for their random start on the left and zeros on the right, in place.

    With zeros on both sides training would have no gradient for them.
    """
    power = left.flatten(0, -2).square().sum(0) * right.flatten(0, -2).square().sum(0)
    unused = power <= UNUSED * power.max()
    left[..., unused] = start[..., unused]
    right[..., unused] = 0
