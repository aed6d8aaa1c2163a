"""Rows of different lengths, stored one after the other in one flat vector of numbers."""

import torch
from torch import Tensor

from cadc.embeddings.coding.rows import rows_of


def places(first: Tensor, size: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return where the numbers of some rows lie.

    Parameters
    ----------
    first : place of each row's first number in the flat vector, int64, shape [n].
    size : how many numbers each row has, int64, shape [n].

    Returns
    -------
    owner, within, place : of each number the row (0 … n - 1), its place in that row, and that in the flat vector,
        int64, shape [Σ size], row after row.
    """
    owner = torch.repeat_interleave(size)
    within = torch.arange(len(owner), device=size.device) - (size.cumsum(0) - size)[owner]
    return owner, within, first[owner] + within


def numbers_at(flat: Tensor, place: Tensor) -> Tensor:
    """Return numbers of a flat vector, shape [n]."""
    # Of one dimension, as its gradient on CPUs is three times as fast.
    return flat.index_select(0, place) if place.device.type == "cpu" else rows_of(flat.unsqueeze(1), place).squeeze(1)


def padded(numbers: Tensor, owner: Tensor, column: Tensor, n: int, dim: int) -> Tensor:
    """Return n rows of `dim` columns, with each number in its row and column (int64) and zeros elsewhere."""
    flat = numbers.new_zeros(n * dim).scatter(0, owner * dim + column, numbers)
    return flat.view(n, dim)
