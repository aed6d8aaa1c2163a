"""Sizes that fall with the rank of an id's frequency by a power law, under a budget split between users and items."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cadc.data.schema import EntitySide
from cadc.streams.policy import Sizes, StreamState
from cadc.streams.sizes import sizes_within

LEAST_ALPHA, MOST_ALPHA = 0.1, 30.0
"""Bounds of alpha, the inverse exponent: the largest size is 11 times the mean, or about the mean."""


def sizes_of_action(state: StreamState, action: Tensor) -> Sizes:
    """Return the sizes of three numbers: the users' share of the budget, and an exponent of each side.

    SCALL (arXiv 2407.15411) draws sizes from a power law and deals them out by frequency. Here is their closed form
    without draws: with k the rank of an id by its frequency among n, the most frequent first, its weight is
    ((n + 1 - k) / (n + 1))^(1/α). α runs from 0.1 to 30 on a scale of logarithms, since the largest size by the mean is
    1 + 1/α.

    Parameters
    ----------
    state : of the segment.
    action : share of users, α of users and α of items, in [0, 1], shape [3].
    """
    share, *exponents = action.tolist()
    steepness = {
        side: LEAST_ALPHA * (MOST_ALPHA / LEAST_ALPHA) ** own for side, own in zip(state.counts, exponents, strict=True)
    }
    return sizes_by_rank(state, share, {side: by_rank(state.counts[side], 1 / own) for side, own in steepness.items()})


def by_rank(counts: Tensor, exponent: float) -> Tensor:
    """Return weights that fall from 1 with the rank of each count, ties by place, to a power; float64, shape [n].

    >>> by_rank(torch.tensor([0, 5, 2]), exponent=1.0)
    tensor([0.2500, 0.7500, 0.5000], dtype=torch.float64)
    """
    n = len(counts)
    weight = torch.empty(n, dtype=torch.float64)
    weight[counts.argsort(descending=True, stable=True)] = torch.arange(n, 0, -1, dtype=torch.float64) / (n + 1)
    return weight**exponent


def sizes_by_rank(state: StreamState, share: float, weights: Mapping[EntitySide, Tensor]) -> Sizes:
    """Return sizes that follow weights on each side, with a share of the budget for users as far as bounds allow."""
    users, items = (len(own) for own in state.counts.values())
    total = min(state.total, (users + items) * state.most)
    of_users = min(max(round(share * total), users, total - items * state.most), users * state.most, total - items)
    totals = {"user": of_users, "item": total - of_users}
    return {side: sizes_within(weights[side], totals[side], state.most) for side in state.counts}
