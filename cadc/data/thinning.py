"""A share of a held-out part, for runs that are to see little of it."""

import torch
from torch import Tensor

from cadc.randomness import torch_generator


def thinned(rows: Tensor, rate: float) -> Tensor:
    """Return a share of some rows in their order, at least one; the same for everyone who asks."""
    if rate >= 1:
        return rows
    n_kept = max(1, round(rate * len(rows)))
    chosen = torch.randperm(len(rows), generator=torch_generator(0, "held out"))[:n_kept]
    return rows[chosen.sort().values]
