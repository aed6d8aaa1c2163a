"""Vectors of single values and mean vectors of bags from one matrix, with one gradient for both."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding, embedding_bag

from cadc.data.batch import Bag
from cadc.embeddings.coding.rows import Stacked, merged, one_bag
from cadc.embeddings.coding.vmapped import first, is_vmapped


def looked_up(matrix: Tensor, rows: Tensor, bags: Sequence[Bag], *, sparse: bool = False) -> Tensor:
    """Return the vectors of F fields of single values, then the mean vectors of K bags, shape [B, F + K, d].

    Parameters
    ----------
    matrix : shape [m, d].
    rows : of the single values, int32 or int64, shape [B, F].
    bags : rows of the values of each bag; an empty bag gives zeros.
    sparse : whether the gradient of the matrix is a sparse tensor, with an entry for each value, or a dense one.
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
        of_single, *of_bags = gradients[0].split([rows.shape[1], *(1 for _ in flat[::2])], 1)
        places, values = [rows.flatten()], [of_single.flatten(0, 1)]
        for own, offsets, of_bag in zip(flat[::2], flat[1::2], of_bags, strict=True):
            counts = torch.diff(offsets, append=offsets.new_tensor([len(own)])).long()
            of_value = of_bag.squeeze(1) / counts.clamp(min=1).unsqueeze(1)
            places.append(own.to(rows.dtype))
            values.append(of_value.index_select(0, torch.repeat_interleave(counts)))
        place, value = torch.cat(places), torch.cat(values)
        no_others = [None] * (2 + len(flat))
        if context.sparse:
            return torch.sparse_coo_tensor(place.unsqueeze(0), value, context.shape, check_invariants=False), *no_others
        # Several times as fast as index_add_, and the same sums.
        place = place.long().unsqueeze(1).expand_as(value)
        return value.new_zeros(context.shape).scatter_add_(0, place, value), *no_others


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
