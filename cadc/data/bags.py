"""Arithmetic on bags."""

import torch
from torch import Tensor

from cadc.data.batch import Bag


def spread_to_values(of_rows: Tensor, bag: Bag) -> Tensor:
    """Return for each value of a bag [V] the number that its row has in `of_rows` (int64, shape [B])."""
    ends = torch.cat([bag.offsets[1:], bag.offsets.new_tensor([len(bag.values)])])
    return torch.repeat_interleave(of_rows, (ends - bag.offsets).long())
