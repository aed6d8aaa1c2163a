"""Looking up the rows of a matrix."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding, embedding_bag

from cadc.embeddings.coding.vmapped import first, is_vmapped

CHUNK = 1 << 16
"""Rows that are computed at a time where there are many."""


def rows_of(matrix: Tensor, rows: Tensor) -> Tensor:
    """Return some rows of a matrix, with a gradient that is fast on CPUs and deterministic on GPUs, shape [n, d].

    Parameters
    ----------
    matrix : shape [m, d].
    rows : int64, shape [n], below m.
    """
    if is_vmapped():
        looked_up: Tensor = _StackedRows.apply(matrix, rows)
        return looked_up
    return _rows_of(matrix, rows)


def _rows_of(matrix: Tensor, rows: Tensor) -> Tensor:
    # On CPUs the gradient of index_select is several times faster; on GPUs it is not deterministic.
    return matrix.index_select(0, rows) if rows.device.type == "cpu" else embedding(rows, matrix)


def summed_by_row(
    rows: Tensor, values: Tensor, places: Tensor | None = None, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the different row numbers in ascending order, and the sum of the values of each, in the values' order.

    Parameters
    ----------
    rows : int32 or int64, shape [n].
    values : shape [n, d], or [m, d] with `places`.
    places : which value belongs to each row number, int64, shape [n]; None for the one in the same place.
    weights : of the values in the sums, of their type, shape [n]; None for 1.

    >>> rows, sums = summed_by_row(torch.tensor([7, 2, 7]), torch.tensor([[1.0], [10.0], [100.0]]))
    >>> rows.tolist(), sums.tolist()
    ([2, 7], [[10.0], [101.0]])
    """
    ascending, order = torch.sort(rows, stable=True)
    different, counts = torch.unique_consecutive(ascending, return_counts=True)
    places = order if places is None else places.index_select(0, order)
    weights = None if weights is None else weights.index_select(0, order)
    starts = counts.cumsum(0) - counts
    return different, embedding_bag(places, values, starts, mode="sum", per_sample_weights=weights)


def means_of_rows(matrix: Tensor, rows: Tensor, offsets: Tensor) -> Tensor:
    """Return the mean of the rows in each bag, shape [B, d]; an empty bag gives zeros.

    Parameters
    ----------
    matrix : shape [m, d].
    rows : int32 or int64, shape [V], below m.
    offsets : where each bag begins in `rows`, int32 or int64, shape [B].
    """
    if is_vmapped():
        means: Tensor = _StackedMeans.apply(matrix, rows, offsets)
        return means
    return embedding_bag(rows, matrix, offsets.to(rows.dtype), mode="mean")


class Stacked(torch.autograd.Function):
    """Work on rows of a matrix; that of several models is the same work on the rows of one larger matrix."""

    @staticmethod
    def setup_context(context: Any, inputs: Any, output: Any) -> None:
        """Keep nothing: the operations of `vmap` have gradients of their own."""


class _StackedRows(Stacked):
    @staticmethod
    def forward(matrix: Tensor, rows: Tensor) -> Tensor:
        return _rows_of(matrix, rows)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], matrix: Tensor, rows: Tensor) -> tuple[Tensor, int]:
        own = first(rows, in_dims[1], info.batch_size)
        flat, starts = merged(matrix, in_dims[0], info.batch_size)
        return _rows_of(flat, (own.long() + starts).flatten()).unflatten(0, own.shape), 0


class _StackedMeans(Stacked):
    @staticmethod
    def forward(matrix: Tensor, rows: Tensor, offsets: Tensor) -> Tensor:
        return embedding_bag(rows, matrix, offsets.to(rows.dtype), mode="mean")

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], matrix: Tensor, *bag: Tensor) -> tuple[Tensor, int]:
        rows, offsets = (first(part, dim, info.batch_size) for part, dim in zip(bag, in_dims[1:], strict=True))
        flat, starts = merged(matrix, in_dims[0], info.batch_size)
        all_rows, all_offsets = one_bag(rows, offsets, starts)
        means = embedding_bag(all_rows, flat, all_offsets, mode="mean")
        return means.unflatten(0, offsets.shape), 0


def merged(matrix: Tensor, dim: int | None, n_models: int) -> tuple[Tensor, Tensor]:
    """Return the matrices of K models as one, and the row where each model's begins, int64, shape [K, 1].

    Parameters
    ----------
    matrix, dim : as `torch.vmap` hands them over: the dimension of the models, None for a matrix that they share.
    n_models : K.
    """
    if dim is None:
        return matrix, torch.zeros(n_models, 1, dtype=torch.int64, device=matrix.device)
    matrices = matrix.movedim(dim, 0)
    return matrices.flatten(0, 1), matrices.shape[1] * torch.arange(n_models, device=matrix.device).unsqueeze(1)


def one_bag(values: Tensor, offsets: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
    """Return the bags of K models as those of one: rows of the matrix that `merged` returns, int64, and offsets.

    Parameters
    ----------
    values : rows of each model's matrix, shape [K, V].
    offsets : where each bag begins in `values`, shape [K, B].
    starts : see `merged`.
    """
    n_values = values.shape[1]
    first_values = n_values * torch.arange(len(values), device=values.device).unsqueeze(1)
    return (values.long() + starts).flatten(), (offsets.long() + first_values).flatten()
