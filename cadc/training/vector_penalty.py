"""An L2 penalty on the vectors that a batch looks up: no row shrinks but by the batches that it occurs in."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from cadc.data.batch import Bag, Batch
from cadc.embeddings.coding.rows import means_of_rows
from cadc.embeddings.collection import EmbeddingCollection

MOST = 8.0
"""Largest weight of the penalty of a vector beside the loss of a row that looks it up."""


class VectorPenalty:
    """½ · mean over rows of Σ_f min(λ / p, `MOST`) · ‖e_f‖², p the share of training rows with the row's value of f.

    In expectation over batches this is λ/2 · ‖e‖² for each row of a table, the prior of matrix factorisation and the
    usual penalty of click models, as long as p > λ / `MOST`. But a row that a batch does not hold stays as it is, and
    one that is rarer counts `MOST` each time that it is met, in proportion to how often that is. The plain L2 penalty
    pulls every row at every step, and Adam, whose step does not depend on the size of a gradient, then wipes out the
    rows that the data seldom pulls back: all of them, on a sparse log.

    What is penalised is the vector, not what it is made from. Compressed tables thus have the objective of the
    uncompressed one, whether they hold rows, shared memory, codes or networks. A bag counts with its mean vector, and
    the mean weight of its values; tables without a trained weight do not count.

    Parameters
    ----------
    model : whose `EmbeddingCollection`s are penalised, each by the mean over the rows that it looks up in a step.
    strength : λ.
    shares : p of each value, float, shape [vocabulary size], by field; None takes the shares of each batch.

    Attributes
    ----------
    weights : min(λ / p, `MOST`) of each value, float32, shape [vocabulary size], by field; None without shares.
    """

    def __init__(self, model: nn.Module, strength: float, shares: Mapping[str, Tensor] | None = None) -> None:
        self.strength = strength
        self.weights = None if shares is None else {name: self._weight(share) for name, share in shares.items()}
        self._stacked: dict[tuple[str, ...], tuple[Tensor, Tensor]] = {}
        """Of fields that are looked up together, the weights of all their values [n, 1], and where each begins [F]."""
        self._collections = [
            module
            for module in model.modules()
            if strength
            and isinstance(module, EmbeddingCollection)
            and any(weight.requires_grad for weight in module.parameters())
        ]
        self._sums: dict[EmbeddingCollection, list[tuple[Tensor, int | Tensor]]] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note what is looked up within a `with` block."""
        self._sums = {collection: [] for collection in self._collections}
        hooks = [collection.register_forward_hook(self._note) for collection in self._collections]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    @contextmanager
    def with_weights(self, weights: dict[str, Tensor] | None) -> Iterator[None]:
        """Take other `weights` in a `with` block, such as those of one of several models."""
        before = self.weights, self._stacked
        self.weights, self._stacked = weights, {}
        try:
            yield
        finally:
            self.weights, self._stacked = before

    def added_to(self, loss: Tensor) -> Tensor:
        """Return a loss plus the penalty of what was looked up in the last `watching` block."""
        for sums in self._sums.values():
            n_rows = sum(n for _, n in sums)
            for of_call, _ in sums:
                loss = loss + of_call * (0.5 / n_rows)
        self._sums = {}
        return loss

    def _note(self, collection: nn.Module, inputs: tuple[Batch, ...], vectors: Tensor) -> None:
        assert isinstance(collection, EmbeddingCollection)
        batch = inputs[0]
        parts: list[Tensor] = []
        first = 0
        for columns, bags in zip(collection.columns, collection.bags, strict=True):
            names = collection.field_names[first : first + len(columns) + len(bags)]
            first += len(names)
            if columns:
                ids = batch.ids if len(columns) == batch.ids.shape[1] else batch.ids[:, columns]
                parts.append(self._of_ids(tuple(names[: len(columns)]), ids))
            parts += [self._of_bag(name, batch.bags[name], len(batch)).unsqueeze(1) for name in bags]
        weights = torch.cat(parts, 1)
        if batch.real is not None:
            weighted = (vectors.square().sum(2) * weights * batch.real.unsqueeze(1)).sum()
            self._sums[collection].append((weighted, batch.real.sum()))
        else:
            self._sums[collection].append((_WeightedSquares.apply(vectors, weights), max(1, len(vectors))))

    def _of_ids(self, names: tuple[str, ...], ids: Tensor) -> Tensor:
        """Return the weights of the ids of single-valued fields, float32, shape [B, F] as the ids."""
        if self.weights is None:
            return torch.stack([self._in_batch(column, len(ids)) for column in ids.long().unbind(1)], 1)
        if names not in self._stacked:
            sizes = torch.tensor([0, *(len(self.weights[name]) for name in names)])
            weights = torch.cat([self.weights[name] for name in names])
            self._stacked[names] = weights.unsqueeze(1).to(ids.device), sizes.cumsum(0)[:-1].to(ids)
        weights, offsets = self._stacked[names]
        return embedding(ids + offsets, weights).squeeze(2)

    def _of_bag(self, name: str, bag: Bag, n_rows: int) -> Tensor:
        """Return the mean weight of the values of each row's bag, shape [B]; 0 for an empty bag."""
        if self.weights is None:
            rows, weights = torch.arange(len(bag.values)).to(bag.values), self._in_batch(bag.values.long(), n_rows)
        else:
            self.weights[name] = self.weights[name].to(bag.values.device)
            rows, weights = bag.values, self.weights[name]
        return means_of_rows(weights.unsqueeze(1), rows, bag.offsets).squeeze(1)

    def _in_batch(self, ids: Tensor, n_rows: int) -> Tensor:
        """Return the weights of the ids of one field by their shares of the batch, shape of the ids."""
        return self._weight(torch.bincount(ids) / n_rows)[ids]

    def _weight(self, share: Tensor) -> Tensor:
        return (self.strength / share.float()).clamp(max=MOST)


class _WeightedSquares(torch.autograd.Function):
    """Σ w_bf ‖e_bf‖² of vectors [B, F, d] and weights [B, F], with one pass for the gradient."""

    @staticmethod
    def forward(context: Any, vectors: Tensor, weights: Tensor) -> Tensor:
        context.save_for_backward(vectors, weights)
        return (torch.linalg.vector_norm(vectors, dim=2).square_() * weights).sum()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        vectors, weights = context.saved_tensors
        return vectors * (weights * (2 * gradients[0])).unsqueeze(2), None
