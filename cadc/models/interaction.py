"""Dot products of all pairs of field vectors, the interaction of DLRM (arXiv 1906.00091, section 2.1.3)."""

from typing import Any

import torch
from torch import Tensor, nn

from cadc.embeddings.coding.vmapped import by_row


class PairwiseProducts(nn.Module):
    """Maps vectors [B, F, d] to the dot products of all pairs f < g, shape [B, F·(F-1)/2], in row-major order.

    Parameters
    ----------
    n_vectors : number of vectors, F.
    """

    pairs: Tensor
    pair_of_cell: Tensor

    def __init__(self, n_vectors: int) -> None:
        super().__init__()
        first, second = torch.triu_indices(n_vectors, n_vectors, 1)
        self.n_pairs = len(first)
        pair_of_cell = torch.full((n_vectors, n_vectors), self.n_pairs)
        pair_of_cell[first, second] = pair_of_cell[second, first] = torch.arange(self.n_pairs)
        self.register_buffer("pairs", first * n_vectors + second, persistent=False)
        self.register_buffer("pair_of_cell", pair_of_cell.flatten(), persistent=False)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the dot products, shape [B, F·(F-1)/2]."""
        return by_row(lambda own: _Products.apply(own, self.pairs, self.pair_of_cell), vectors)


class _Products(torch.autograd.Function):
    """Gram matrix whose gradient takes one matrix product, (G + Gᵀ)·X, where autograd takes two."""

    @staticmethod
    def forward(context: Any, vectors: Tensor, pairs: Tensor, pair_of_cell: Tensor) -> Tensor:
        context.save_for_backward(vectors, pair_of_cell)
        return torch.bmm(vectors, vectors.transpose(1, 2)).flatten(1).index_select(1, pairs)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        vectors, pair_of_cell = context.saved_tensors
        n_vectors = vectors.shape[1]
        # The column of zeros stands for the diagonal, which is not a pair.
        padded = torch.nn.functional.pad(gradients[0], (0, 1))
        symmetric = padded.index_select(1, pair_of_cell).view(-1, n_vectors, n_vectors)
        # Under autocast the products have fewer bits than the vectors.
        return torch.bmm(symmetric.to(vectors.dtype), vectors), None, None
