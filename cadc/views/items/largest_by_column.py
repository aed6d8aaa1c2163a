"""The largest weights of each column of a matrix, such as those towards each item."""

import torch
from torch import Tensor

BLOCK = 1 << 8
"""Columns that are searched at once."""


def largest_by_column(weights: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the k weights of each column with the largest absolute values, as a sparse matrix by rows.

    Parameters
    ----------
    weights : float32, shape [n, n].
    k : from 1 to n; n² must be below 2³¹ where it is n.

    Returns
    -------
    first : where each row begins in the others, int32, shape [n + 1].
    columns : column of each weight, ascending within a row, int32, shape [n · k].
    values : float32, shape [n · k].

    Examples
    --------
    >>> first, columns, values = largest_by_column(torch.tensor([[0.0, 0.1], [-0.5, 0.0]]), k=1)
    >>> first.tolist(), columns.tolist(), values.tolist()
    ([0, 1, 2], [1, 0], [0.10000000149011612, -0.5])
    """
    n = len(weights)
    rows = torch.empty(n, k, dtype=torch.int32)
    values = torch.empty(n, k)
    for start in range(0, n, BLOCK):
        part = weights[:, start : start + BLOCK].T.contiguous()
        found = part.abs().topk(k, 1, sorted=False).indices
        rows[start : start + BLOCK] = found
        values[start : start + BLOCK] = part.gather(1, found)
    order = rows.flatten().argsort(stable=True)
    first = torch.zeros(n + 1, dtype=torch.int32)
    first[1:] = torch.bincount(rows.flatten(), minlength=n).cumsum(0)
    return first, (order // k).int(), values.flatten()[order]
