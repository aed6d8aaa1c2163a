"""A share of a held-out part, for runs that may read little of it."""

import torch
from torch import Tensor

from cadc.randomness import torch_generator


def thinned(rows: Tensor, rate: float) -> Tensor:
    """Return a share of some rows, in their order and at least one; the choice is the same for all runs.

    Parameters
    ----------
    rows : row numbers, int32 or int64, shape [n].
    rate : share of the rows; from 1 on all of them are returned.

    Examples
    --------
    >>> len(thinned(torch.arange(100), 0.25))
    25
    """
    if rate >= 1:
        return rows
    n_kept = max(1, round(rate * len(rows)))
    chosen = torch.randperm(len(rows), generator=torch_generator(0, "held out"))[:n_kept]
    return rows[chosen.sort().values]
