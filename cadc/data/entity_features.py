"""Entity tables: the fields of all users, or of all items, each entity once."""

import torch
from torch import Tensor

from cadc.data.batch import Bag


class EntityFeatures:
    """Ids of the fields of n users, or n items; row 0 is an entity that nothing is known of.

    Parameters
    ----------
    ids : ids of the single-valued fields, int32, shape [n + 1, F].
    bags : multi-valued fields by name: values (int32, shape [V]) and offsets (int64, shape [n + 2]); entity e holds
        `values[offsets[e]:offsets[e + 1]]`.
    """

    def __init__(self, ids: Tensor, bags: dict[str, tuple[Tensor, Tensor]]) -> None:
        self.ids = ids
        self.bags = bags

    def gather_bag(self, name: str, entities: Tensor) -> Bag:
        """Return the bags of a field for some entities, which are rows of this table (int64, shape [B])."""
        values, offsets = self.bags[name]
        start = offsets[entities]
        length = offsets[entities + 1] - start
        first = length.cumsum(0) - length
        within = torch.arange(int(length.sum())) + torch.repeat_interleave(start - first, length)
        return Bag(values[within], first.int())
