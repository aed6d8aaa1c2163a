"""Looking up the rows of a matrix."""

import torch
from torch import Tensor
from torch.nn.functional import embedding, embedding_bag

CHUNK = 1 << 16
"""Rows that are computed at a time where there are many."""


def rows_of(matrix: Tensor, rows: Tensor) -> Tensor:
    """Return some rows of a matrix, with a gradient that is fast on CPUs and deterministic on GPUs, shape [n, d].

    Parameters
    ----------
    matrix : shape [m, d].
    rows : int64, shape [n], below m.
    """
    # On CPUs the gradient of index_select is several times faster; on GPUs it is not deterministic.
    return matrix.index_select(0, rows) if rows.device.type == "cpu" else embedding(rows, matrix)


def summed_by_row(rows: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the different row numbers in ascending order, and the sum of the values of each, in the values' order.

    Parameters
    ----------
    rows : int32 or int64, shape [n].
    values : of these rows, shape [n, d].

    >>> rows, sums = summed_by_row(torch.tensor([7, 2, 7]), torch.tensor([[1.0], [10.0], [100.0]]))
    >>> rows.tolist(), sums.tolist()
    ([2, 7], [[10.0], [101.0]])
    """
    ascending, order = torch.sort(rows, stable=True)
    different, counts = torch.unique_consecutive(ascending, return_counts=True)
    return different, embedding_bag(order, values, counts.cumsum(0) - counts, mode="sum")
