"""DLRM as a plain PyTorch program would have it, and the matrix products that any program of its step has to do."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.endless import endless

if TYPE_CHECKING:
    from cadc.data.log import InteractionLog


class PlainDLRM(nn.Module):
    """DLRM (Naumov et al., arXiv 1906.00091) with a table for each field, and the mean of a bag's vectors.

    Parameters
    ----------
    vocabulary_sizes, bag_sizes : of the fields with one value in a row, and of those with any number.
    n_dense : number of dense features.
    dim : length of vectors.
    bottom, top : hidden widths.
    sparse : whether gradients of tables hold only the rows of a batch.
    """

    def __init__(
        self,
        vocabulary_sizes: Sequence[int],
        bag_sizes: Sequence[int],
        n_dense: int,
        dim: int,
        bottom: Sequence[int] = (64,),
        top: Sequence[int] = (128, 64),
        sparse: bool = False,
    ) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, dim, sparse=sparse) for size in vocabulary_sizes)
        self.bags = nn.ModuleList(nn.EmbeddingBag(size, dim, mode="mean") for size in bag_sizes)
        self.bottom = _mlp((n_dense, *bottom, dim), last_relu=True) if n_dense else None
        # As cadc's DLRM, a log without dense features has a learned vector in their place.
        self.constant = None if n_dense else nn.Parameter(torch.randn(dim) * dim**-0.5)
        self.dim, self.n_vectors = dim, len(vocabulary_sizes) + len(bag_sizes) + 1
        first, second = torch.triu_indices(self.n_vectors, self.n_vectors, 1)
        self.first, self.second = first, second
        self.top = _mlp((len(first) + dim * bool(n_dense), *top, 1), last_relu=False)

    def forward(self, ids: Tensor, bags: Sequence[tuple[Tensor, Tensor]], dense: Tensor) -> Tensor:
        """Return logits, shape [B], of ids [B, F], bags as (values, offsets), and dense features [B, D]."""
        vectors = [table(ids[:, place]) for place, table in enumerate(self.tables)]
        vectors += [table(*bag) for table, bag in zip(self.bags, bags, strict=True)]
        if self.bottom is not None:
            vectors.append(self.bottom(dense))
        elif self.constant is not None:
            vectors.append(self.constant.expand(len(ids), -1))
        stacked = torch.stack(vectors, 1)
        found = torch.bmm(stacked, stacked.transpose(1, 2))[:, self.first, self.second]
        if self.bottom is not None:
            found = torch.cat([vectors[-1], found], 1)
        logits: Tensor = self.top(found).squeeze(1)
        return logits


def _mlp(sizes: Sequence[int], last_relu: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*(layers if last_relu else layers[:-1]))


class Optimizer(Protocol):
    """What is asked of an optimiser."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""

    def step(self) -> Any:
        """Take a step."""


class PlainRows:
    """The rows of a log as a plain program holds them: each column once for all rows.

    Parameters
    ----------
    log : whose rows are joined with the features of their entities.
    rows : their numbers.
    """

    def __init__(self, log: "InteractionLog", rows: Tensor) -> None:
        batch = log.gather(rows)
        self.ids, self.dense, self.label = batch.ids.long(), batch.dense, batch.label
        self.bags = []
        for bag in batch.bags.values():
            offsets = torch.cat([bag.offsets.long(), torch.tensor([len(bag.values)])])
            lengths = offsets.diff()
            padded = torch.zeros(len(rows), int(lengths.max()), dtype=torch.int64)
            places = torch.arange(len(bag.values)) - torch.repeat_interleave(offsets[:-1], lengths)
            padded[torch.repeat_interleave(torch.arange(len(rows)), lengths), places] = bag.values.long()
            self.bags.append((padded, lengths))

    def shuffled(self, batch_size: int) -> Sequence[Tensor]:
        """Return the places of all rows in a random order, a batch each."""
        return torch.randperm(len(self.label)).split(batch_size)

    def at(self, part: Tensor) -> tuple[tuple[Tensor, list[tuple[Tensor, Tensor]], Tensor], Tensor]:
        """Return the inputs of the model and the labels of some of the rows."""
        bags = []
        for padded, lengths in self.bags:
            own = lengths[part]
            is_value = torch.arange(padded.shape[1]) < own[:, None]
            bags.append((padded[part][is_value], own.cumsum(0) - own))
        return (self.ids[part], bags, self.dense[part]), self.label[part]


def plain_model(log: "InteractionLog", dim: int, sparse: bool = False) -> PlainDLRM:
    """Return the plain model for a log."""
    schema = log.schema
    sizes = [field.vocabulary_size for field in schema.single], [field.vocabulary_size for field in schema.bags]
    return PlainDLRM(*sizes, len(schema.dense), dim, sparse=sparse)


def plain_step(model: PlainDLRM, rows: PlainRows, batch_size: int, optimizer: "Optimizer") -> Callable[[], None]:
    """Return a function that takes the next training step, on rows in a random order."""
    parts = endless(lambda: rows.shuffled(batch_size), batch_size)

    def step() -> None:
        inputs, label = rows.at(next(parts))
        loss = binary_cross_entropy_with_logits(model(*inputs), label)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def products(model: PlainDLRM, n_rows: int, train: bool, pairs: bool) -> Callable[[], None]:
    """Return the matrix products of a batch: of the MLPs, forward and if asked backward, and if asked of pairs.

    Backward takes two for each layer: the gradients of its weights, and of its input unless that is data.
    """
    jobs: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(left: Tensor, right: Tensor) -> None:
        jobs.append((left, right, left @ right))

    for stack, reads_data in ((model.bottom, True), (model.top, False)):
        layers = [layer for layer in stack or () if isinstance(layer, nn.Linear)]
        for place, layer in enumerate(layers):
            inputs, weight = torch.randn(n_rows, layer.in_features), torch.randn(layer.out_features, layer.in_features)
            add(inputs, weight.T)
            if train:
                gradient = torch.randn(n_rows, layer.out_features)
                add(gradient.T, inputs)
                if place or not reads_data:
                    add(gradient, weight)
    if pairs:
        vectors = torch.randn(n_rows, model.n_vectors, model.dim)
        add(vectors, vectors.transpose(1, 2))
        if train:
            add(torch.randn(n_rows, model.n_vectors, model.n_vectors), vectors)

    def work() -> None:
        for left, right, out in jobs:
            torch.matmul(left, right, out=out)

    return work
