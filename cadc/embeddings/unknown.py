"""Ids that a sample never shows share the row of *unknown*, which id dropout trains."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from cadc.data.batch import Bag, Batch
from cadc.data.schema import UNKNOWN, Schema


class UnknownIds(nn.Module):
    """Replaces ids that were never seen by 0 and, in training, a random share of all ids too.

    Random draws come from torch's global generator. Nothing is saved: which ids were seen follows from the sample.

    Parameters
    ----------
    schema : the fields.
    masks : which ids are unknown, bool, shape [vocabulary size], by name of each field to which this applies.
    dropout : share of the ids of these fields that training replaces by *unknown*.
    """

    row_of_id: Tensor
    first: Tensor
    drops: Tensor

    def __init__(self, schema: Schema, masks: Mapping[str, Tensor], dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.names = tuple(masks)
        sizes = [field.vocabulary_size for field in schema.fields]
        starts = dict(zip([field.name for field in schema.fields], [0, *torch.tensor(sizes).cumsum(0)], strict=False))
        self.places = {
            name: slice(int(start), int(start) + schema[name].vocabulary_size) for name, start in starts.items()
        }
        row_of_id = torch.cat([torch.arange(size, dtype=torch.int32) for size in sizes])
        for name, is_unknown in masks.items():
            row_of_id[self.places[name]][is_unknown] = UNKNOWN
        single = [field.name for field in schema.single]
        self.bags = [field.name for field in schema.bags if field.name in masks]
        self.register_buffer("row_of_id", row_of_id, persistent=False)
        first = torch.tensor([self.places[name].start for name in single], dtype=torch.int32)
        self.register_buffer("first", first, persistent=False)
        self.register_buffer("drops", torch.tensor([name in masks for name in single]), persistent=False)

    def forward(self, batch: Batch) -> Batch:
        """Return the batch with the ids that are looked up."""
        ids = self.row_of_id[(batch.ids + self.first).long()]
        bags = dict(batch.bags)
        for name in self.bags:
            values = self.row_of_id[self.places[name]][bags[name].values.long()]
            bags[name] = Bag(self._dropped(values), bags[name].offsets)
        return replace(batch, ids=self._dropped(ids, self.drops), bags=bags)

    def rows_of_ids(self) -> dict[str, Tensor]:
        """Return which row each id of the fields concerned looks up, int32, shape [vocabulary size], by field."""
        return {name: self.row_of_id[self.places[name]] for name in self.names}

    def _dropped(self, ids: Tensor, where: Tensor | bool = True) -> Tensor:
        if not (self.training and self.dropout):
            return ids
        return ids.masked_fill((torch.rand(ids.shape, device=ids.device) < self.dropout) & where, UNKNOWN)
