"""An L2 penalty on the vectors that a batch looks up: no row shrinks but by the batches that it occurs in."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cadc.data.bags import spread_to_values
from cadc.data.batch import Bag, Batch
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
    """

    def __init__(self, model: nn.Module, strength: float, shares: Mapping[str, Tensor] | None = None) -> None:
        self.strength = strength
        self._weights = None if shares is None else {name: self._weight(share) for name, share in shares.items()}
        self._collections = [
            module
            for module in model.modules()
            if strength
            and isinstance(module, EmbeddingCollection)
            and any(weight.requires_grad for weight in module.parameters())
        ]
        self._sums: dict[EmbeddingCollection, list[tuple[Tensor, int]]] = {}

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

    def added_to(self, loss: Tensor) -> Tensor:
        """Return a loss plus the penalty of what was looked up in the last `watching` block."""
        for sums in self._sums.values():
            n_rows = max(1, sum(n for _, n in sums))
            for of_call, _ in sums:
                loss = loss + of_call * (0.5 / n_rows)
        self._sums = {}
        return loss

    def _note(self, collection: nn.Module, inputs: tuple[Batch, ...], vectors: Tensor) -> None:
        assert isinstance(collection, EmbeddingCollection)
        batch = inputs[0]
        weights: list[Tensor] = []
        for columns, bags in zip(collection.columns, collection.bags, strict=True):
            names = iter(collection.field_names[len(weights) :])
            weights += [self._of_values(next(names), batch.ids[:, column].long(), len(batch)) for column in columns]
            weights += [self._of_bag(name, batch.bags[name], len(batch)) for name in bags]
        weighted = vectors.square().sum(2) * torch.stack(weights, 1)
        self._sums[collection].append((weighted.sum(), len(vectors)))

    def _of_bag(self, name: str, bag: Bag, n_rows: int) -> Tensor:
        """Return the mean weight of the values of each row's bag, shape [B]; 0 for an empty bag."""
        of_values = self._of_values(name, bag.values.long(), n_rows)
        row = spread_to_values(torch.arange(n_rows, device=of_values.device), bag)
        counts = torch.bincount(row, minlength=n_rows).clamp(min=1)
        return of_values.new_zeros(n_rows).index_add(0, row, of_values) / counts

    def _of_values(self, name: str, ids: Tensor, n_rows: int) -> Tensor:
        """Return the weights of ids that occur in a batch of n_rows rows, float32, shape of the ids."""
        if self._weights is None:
            return self._weight(torch.bincount(ids) / n_rows)[ids]
        self._weights[name] = self._weights[name].to(ids.device)
        return self._weights[name][ids]

    def _weight(self, share: Tensor) -> Tensor:
        return (self.strength / share.float()).clamp(max=MOST)
