"""Vectors of single values and mean vectors of bags from one matrix, with one gradient for both."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding, embedding_bag

from cadc.data.batch import Bag
from cadc.embeddings.coding.rows import Stacked, merged, one_bag, summed_by_row
from cadc.embeddings.coding.vmapped import first, is_vmapped

SORTED_FROM = 1 << 15
"""Look-ups from which the gradient of each row is summed after sorting: from so many on, torch sorts by radix."""


def looked_up(matrix: Tensor, rows: Tensor, bags: Sequence[Bag], *, sparse: bool = False) -> Tensor:
    """Return the vectors of F fields of single values, then the mean vectors of K bags, shape [B, F + K, d].

    Parameters
    ----------
    matrix : shape [m, d].
    rows : of the single values, int32 or int64, shape [B, F].
    bags : rows of the values of each bag; an empty bag gives zeros.
    sparse : whether the gradient of the matrix is a sparse tensor, with an entry for each row that was looked up, or a
        dense one.
    """
    flat = [part for bag in bags for part in (bag.values, bag.offsets)]
    work = _StackedLookUp if is_vmapped() else _LookUp
    found: Tensor = work.apply(matrix, sparse, rows, *flat)
    return found


class _LookUp(torch.autograd.Function):
    """Autograd would make a gradient of the whole matrix for each bag and for the single values, and add them."""

    @staticmethod
    def forward(context: Any, matrix: Tensor, sparse: bool, rows: Tensor, *flat: Tensor) -> Tensor:
        context.save_for_backward(rows, *flat)
        context.shape, context.sparse = matrix.shape, sparse
        bags = [
            embedding_bag(values, matrix, offsets.to(values.dtype), mode="mean").unsqueeze(1)
            for values, offsets in zip(flat[::2], flat[1::2], strict=True)
        ]
        return torch.cat([embedding(rows, matrix), *bags], 1)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, *flat = context.saved_tensors
        no_others = [None] * (2 + len(flat))
        if context.sparse:
            return _sparse(*_sums(gradients[0], rows, flat), context.shape), *no_others
        of_matrix = gradients[0].new_zeros(context.shape)
        if rows.numel() < SORTED_FROM:
            return _add_in_turn(of_matrix, gradients[0], rows, flat), *no_others
        different, sums = _sums(gradients[0], rows, flat)
        return of_matrix.index_copy_(0, different.long(), sums), *no_others


def _add_in_turn(of_matrix: Tensor, gradient: Tensor, rows: Tensor, flat: Sequence[Tensor]) -> Tensor:
    """Add the gradient of what was looked up, [B, F + K, d], to that of the matrix, [m, d]."""
    n_single = rows.shape[1]
    of_matrix.index_add_(0, rows.flatten().long(), gradient[:, :n_single].flatten(0, 1))
    for of_means, values, offsets in zip(gradient[:, n_single:].unbind(1), flat[::2], flat[1::2], strict=True):
        counts = _lengths(values, offsets)
        of_values = (of_means / counts.unsqueeze(1)).repeat_interleave(counts, 0, output_size=len(values))
        of_matrix.index_add_(0, values.long(), of_values)
    return of_matrix


def _sums(gradient: Tensor, rows: Tensor, flat: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the rows that were looked up, each once and in ascending order, and their gradients, [n, d]."""
    n_rows, n_fields, dim = gradient.shape
    of_values = gradient.reshape(-1, dim)
    if not flat:
        return summed_by_row(rows.flatten(), of_values)
    places = torch.arange(n_rows * n_fields, device=rows.device).view(n_rows, n_fields)
    all_rows, all_places = [rows.flatten()], [places[:, : rows.shape[1]].flatten()]
    weights = [gradient.new_ones(rows.numel())]
    for column, values, offsets in zip(places.T[rows.shape[1] :], flat[::2], flat[1::2], strict=True):
        counts = _lengths(values, offsets)
        row = torch.repeat_interleave(counts)
        all_rows.append(values.to(rows.dtype))
        all_places.append(column.index_select(0, row))
        weights.append((1 / counts.to(gradient.dtype)).index_select(0, row))
    return summed_by_row(torch.cat(all_rows), of_values, torch.cat(all_places), torch.cat(weights))


def _lengths(values: Tensor, offsets: Tensor) -> Tensor:
    """Return the number of values in each bag, int64, shape [B]."""
    return torch.diff(offsets, append=offsets.new_tensor([len(values)])).long()


def _sparse(rows: Tensor, values: Tensor, shape: torch.Size) -> Tensor:
    """Return a sparse matrix [m, d] of some rows, each given once and in ascending order."""
    indices = rows.long().unsqueeze(0)
    return torch.sparse_coo_tensor(indices, values, shape, is_coalesced=True, check_invariants=False)


class _StackedLookUp(Stacked):
    """The look-ups of several models, as one in the matrices of all."""

    @staticmethod
    def forward(matrix: Tensor, sparse: bool, rows: Tensor, *flat: Tensor) -> Tensor:
        found: Tensor = _LookUp.apply(matrix, sparse, rows, *flat)
        return found

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], matrix: Tensor, sparse: bool, *others: Tensor
    ) -> tuple[Tensor, int]:
        n_models = info.batch_size
        rows, *flat = (first(part, dim, n_models) for part, dim in zip(others, in_dims[2:], strict=True))
        matrices, starts = merged(matrix, in_dims[0], n_models)
        bags = [
            part
            for values, offsets in zip(flat[::2], flat[1::2], strict=True)
            for part in one_bag(values, offsets, starts)
        ]
        own_rows = (rows.long() + starts.unsqueeze(2)).flatten(0, 1)
        return _LookUp.apply(matrices, sparse, own_rows, *bags).unflatten(0, rows.shape[:2]), 0
