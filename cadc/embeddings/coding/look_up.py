"""Vectors of single values and mean vectors of bags from one matrix, with one gradient for both."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding, embedding_bag

from cadc.data.batch import Bag
from cadc.embeddings.coding.rows import Stacked, merged, one_bag, summed_by_row
from cadc.embeddings.coding.vmapped import first, is_vmapped


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
        gradient = gradients[0]
        n_rows, n_fields, dim = gradient.shape
        places = torch.arange(n_rows * n_fields, device=rows.device).view(n_rows, n_fields)
        all_rows, all_places = [rows.flatten()], [places[:, : rows.shape[1]].flatten()]
        weights = [gradient.new_ones(rows.numel())]
        for column, values, offsets in zip(places.T[rows.shape[1] :], flat[::2], flat[1::2], strict=True):
            counts = torch.diff(offsets, append=offsets.new_tensor([len(values)])).long()
            row = torch.repeat_interleave(counts)
            all_rows.append(values.to(rows.dtype))
            all_places.append(column.index_select(0, row))
            weights.append((1 / counts.to(gradient.dtype)).index_select(0, row))
        of_values = gradient.reshape(-1, dim)
        if flat:
            found = summed_by_row(torch.cat(all_rows), of_values, torch.cat(all_places), torch.cat(weights))
        else:
            found = summed_by_row(all_rows[0], of_values)
        no_others = [None] * (2 + len(flat))
        if context.sparse:
            return _sparse(*found, context.shape), *no_others
        return gradient.new_zeros(context.shape).index_copy_(0, found[0].long(), found[1]), *no_others


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
