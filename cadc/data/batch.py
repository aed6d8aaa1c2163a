"""Batches: rows of a log, joined with the features of their users and items, ready for a model."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor


@dataclass
class Bag:
    """Ids of a multi-valued field: row b holds `values[offsets[b]:offsets[b + 1]]`, and the last row the rest.

    The layout is that of `torch.nn.functional.embedding_bag`.

    Parameters
    ----------
    values : ids of all rows one after the other, int32, shape [V].
    offsets : where the ids of each row begin, int32, shape [B]; equal offsets make an empty bag.
    rows : number of the row that each id belongs to, int64, shape [V], where it is known already.
    """

    values: Tensor
    offsets: Tensor
    rows: Tensor | None = None

    def to(self, device: torch.device | str) -> "Bag":
        """Return a copy on a device."""
        rows = None if self.rows is None else self.rows.to(device)
        return Bag(self.values.to(device), self.offsets.to(device), rows)

    def split(self, size: int) -> "list[Bag]":
        """Return the bags of `size` rows each, the last rows in a smaller one."""
        parts = self.offsets.split(size)
        firsts = self.offsets[::size].tolist()
        lengths = [end - first for first, end in pairwise([*firsts, len(self.values)])]
        each = zip(self.values.split(lengths), parts, firsts, strict=True)
        return [Bag(values, offsets - first) for values, offsets, first in each]


@dataclass
class Batch:
    """B rows of a log, as a model reads them.

    Parameters
    ----------
    ids : ids of the single-valued fields, int32, shape [B, F]; the columns follow `schema.single`, and id 0 is
        *unknown*.
    bags : ids of the multi-valued fields, a `Bag` for each of `schema.bags`, by name.
    dense : real-valued columns, float32, shape [B, D]; the columns follow `schema.dense`.
    label : 0 or 1, float32, shape [B].
    oracle : true probability of label 1, float32, shape [B]; None if it is unknown.
    weight : weight of each row in the training loss, float32, shape [B]; None weighs all rows alike.
    offset : logit that is added to the model's during training only, float32, shape [B]; see
        `cadc.sampling.sampler.Sample`.
    fold : fold of cross-fitting that each training row belongs to, int64, shape [B].
    views : numbers that views give for each row, float32, shape [B, K]; None where they were not computed before.
    real : 0 for rows that only fill the batch, else 1, float32, shape [B]; None where there are no others. A row that
        is not real has the weight 0, and bears no penalty.
    row : numbers of the rows in their log, int32 or int64, shape [B]; None where they are not rows of a log.
    time : in ticks of the log, int64, shape [B]; None where nobody asked for it.
    """

    ids: Tensor
    bags: dict[str, Bag]
    dense: Tensor
    label: Tensor
    oracle: Tensor | None = None
    weight: Tensor | None = None
    offset: Tensor | None = None
    fold: Tensor | None = None
    views: Tensor | None = None
    real: Tensor | None = None
    row: Tensor | None = None
    time: Tensor | None = None

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on a device: itself where it is there already, else a copy."""
        if self.label.device == torch.device(device):
            return self
        return Batch(
            self.ids.to(device),
            {name: bag.to(device) for name, bag in self.bags.items()},
            self.dense.to(device),
            self.label.to(device),
            *(None if value is None else value.to(device) for value in self._optional()),
        )

    def split(self, size: int) -> "Iterator[Batch]":
        """Yield batches of `size` rows each, the last rows in a smaller one; they share the memory of this batch.

        >>> batch = Batch(torch.tensor([[1], [2], [3]]), {}, torch.empty(3, 0), torch.tensor([0.0, 1.0, 1.0]))
        >>> [part.ids.flatten().tolist() for part in batch.split(2)]
        [[1, 2], [3]]
        """
        if len(self) <= size:
            yield self
            return
        bags = {name: bag.split(size) for name, bag in self.bags.items()}
        columns = [None if column is None else column.split(size) for column in self._optional()]
        own = zip(self.ids.split(size), self.dense.split(size), self.label.split(size), strict=True)
        for number, (ids, dense, label) in enumerate(own):
            own_bags = {name: parts[number] for name, parts in bags.items()}
            yield Batch(ids, own_bags, dense, label, *(parts and parts[number] for parts in columns))

    def _optional(self) -> tuple[Tensor | None, ...]:
        """Return the columns that a batch may lack, in the order of its attributes."""
        return self.oracle, self.weight, self.offset, self.fold, self.views, self.real, self.row, self.time

    def __len__(self) -> int:
        return len(self.label)
