"""Rows ready for a model."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Bag:
    """Ids of a multi-valued field: row b holds `values[offsets[b]:offsets[b + 1]]`, the last row the rest.

    Parameters
    ----------
    values : int32, shape [V].
    offsets : int32, shape [B].
    """

    values: Tensor
    offsets: Tensor

    def to(self, device: torch.device | str) -> "Bag":
        """Copy to a device."""
        return Bag(self.values.to(device), self.offsets.to(device))


@dataclass
class Batch:
    """Rows ready for a model.

    Parameters
    ----------
    ids : int32, shape [B, F], a column for each of `schema.single`.
    bags : a `Bag` for each of `schema.bags`, by name.
    dense : float32, shape [B, D].
    label : float32, shape [B].
    oracle : true probability of label 1, float32, shape [B], where known.
    weight : of each row in the training loss, float32, shape [B]; None weighs all alike.
    offset : a logit added to the model's in training alone, float32, shape [B]; see `cadc.sampling.sampler.Sample`.
    fold : the fold of cross-fitting that a training row was left out of, int64, shape [B].
    """

    ids: Tensor
    bags: dict[str, Bag]
    dense: Tensor
    label: Tensor
    oracle: Tensor | None = None
    weight: Tensor | None = None
    offset: Tensor | None = None
    fold: Tensor | None = None

    def to(self, device: torch.device | str) -> "Batch":
        """Copy to a device."""
        return Batch(
            self.ids.to(device),
            {name: bag.to(device) for name, bag in self.bags.items()},
            self.dense.to(device),
            self.label.to(device),
            *(
                None if value is None else value.to(device)
                for value in (self.oracle, self.weight, self.offset, self.fold)
            ),
        )

    def __len__(self) -> int:
        return len(self.label)
