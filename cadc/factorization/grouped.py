"""Examples grouped by value: those of each value lie one after the other, and are read in blocks for batched solves."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from cadc.data.grouping import next_places
from cadc.factorization.blocks import CELLS, MOST_VALUES, block_cuts
from cadc.factorization.examples import ExampleParts
from cadc.factorization.workers.workers import Blockwise, Results, Step


class GroupedExamples(Blockwise):
    """The examples of each value of one field, in 4 bytes an example.

    An example is the id of the other field; that of label 1 is stored as its bitwise complement, which is negative.

    Parameters
    ----------
    counts : number of examples of each value, int64, shape [n_values].
    n_others : number of values of the other field; it stands for padding.
    """

    def __init__(self, counts: Tensor, n_others: int) -> None:
        super().__init__(counts)
        self.n_others = n_others
        self.values = most_frequent_first(counts)
        """Ids of the values that have examples, those with most of them first, int64."""
        lengths = counts[self.values]
        self._ends = lengths.cumsum(0)
        self._free = np.zeros(len(counts), np.int64)
        self._free[self.values.numpy()] = (self._ends - lengths).numpy()
        self._examples = np.empty(len(self), np.int32)

    @property
    def n_positive(self) -> int:
        """Number of examples with label 1."""
        return int(np.count_nonzero(self._examples < 0))

    def add(self, ids: Tensor, others: Tensor, labels: Tensor) -> None:
        """Append examples to those of their values, in their order.

        Parameters
        ----------
        ids, others : ids of this field and of the other field, shape [n] each, n below 2^31.
        labels : 0 or 1, shape [n].
        """
        order, places = next_places(ids.numpy(), self._free)
        own = others.numpy().astype(np.int32)
        self._examples[places] = np.where(labels.numpy() > 0, ~own, own)[order]

    def blocks(self, cells: int = CELLS, most_values: int = MOST_VALUES) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield every example once, in blocks of values with similar numbers of examples, the most frequent first.

        Parameters
        ----------
        cells : largest m·L of a block; a value with more examples is a block of its own.
        most_values : largest m of a block.

        Yields
        ------
        values : ids of m values, int64, shape [m].
        others : ids of the other field in the examples of each value, int32, shape [m, L]; shorter lists are padded
            with `n_others`.
        labels : float32, shape [m, L]; 0 for padding.
        """
        for start, end in block_cuts(self.counts[self.values], cells, most_values):
            values = self.values[start:end]
            length = int(self.counts[values[0]])
            begin = int(self._ends[start - 1]) if start else 0
            here = slice(begin, int(self._ends[end - 1]))
            own = torch.from_numpy(self._examples[here])
            is_example = torch.arange(length) < self.counts[values][:, None]
            others = torch.full(is_example.shape, self.n_others, dtype=torch.int32)
            others.masked_scatter_(is_example, own)
            is_positive = others < 0
            yield values, torch.where(is_positive, ~others, others), is_positive.float()

    def map(self, step: Step, own: Tensor, shared: Sequence[Tensor]) -> Iterator[tuple[Tensor, Results]]:
        """Yield the values of each block and what a step returns of it, see `Blockwise.map`."""
        for values, others, labels in self.blocks():
            yield values, step(values, others, labels, own[values], *shared)


def most_frequent_first(counts: Tensor) -> Tensor:
    """Return the values that have examples, those with most of them first, int64.

    Parameters
    ----------
    counts : number of examples of each value, int64, shape [n_values].
    """
    return torch.argsort(counts, descending=True, stable=True)[: int((counts > 0).sum())]


def counts_of_both(examples: ExampleParts, sizes: Sequence[int]) -> list[Tensor]:
    """Return the number of examples of each first id, and of each second id, int64, shape [size] each.

    Parameters
    ----------
    examples : read once, part by part.
    sizes : number of values of the first and of the second field.
    """
    counts = [torch.zeros(size, dtype=torch.int64) for size in sizes]
    for part in examples.parts():
        for own, ids, size in zip(counts, part.ids, sizes, strict=True):
            own += torch.bincount(ids, minlength=size)
    return counts


def grouped_by_both(examples: ExampleParts, sizes: Sequence[int]) -> tuple[GroupedExamples, GroupedExamples]:
    """Return examples grouped by their first ids, and by their second ids; they are read twice, part by part.

    Parameters
    ----------
    examples : the examples.
    sizes : number of values of the first and of the second field.
    """
    counts = counts_of_both(examples, sizes)
    first, second = GroupedExamples(counts[0], sizes[1]), GroupedExamples(counts[1], sizes[0])
    for part in examples.parts():
        first.add(part.ids[0], part.ids[1], part.labels)
        second.add(part.ids[1], part.ids[0], part.labels)
    return first, second
