"""The fields of users, or of items, each entity once."""

import torch
from torch import Tensor

from cadc.data.batch import Bag


class EntityFeatures:
    """Ids of every user's, or item's, fields; row 0 is an entity that nothing is known of.

    Parameters
    ----------
    ids : int32, shape [n + 1, F].
    bags : by field name, (values int32 [V], offsets int64 [n + 2]).
    """

    def __init__(self, ids: Tensor, bags: dict[str, tuple[Tensor, Tensor]]) -> None:
        self.ids = ids
        self.bags = bags

    def gather_bag(self, name: str, entities: Tensor) -> Bag:
        """Join the bags of these entities (int64, shape [B])."""
        values, offsets = self.bags[name]
        start = offsets[entities]
        length = offsets[entities + 1] - start
        first = length.cumsum(0) - length
        within = torch.arange(int(length.sum())) + torch.repeat_interleave(start - first, length)
        return Bag(values[within], first.int())
