"""How many numbers each row of a table gets, of so many in all."""

from collections.abc import Sequence

import torch
from torch import Tensor


def power_law_sizes(
    counts: Tensor, fields: Sequence[int], alpha: float, least: Sequence[int], most: int, total: int
) -> Tensor:
    """Return sizes that grow with a power of the counts, never within a field, and sum to exactly `total`.

    A row that occurs c times gets the whole part of λ·c^α, within its bounds; λ is the largest that fits, and what is
    left goes to those rows that come next, one each, the first rows of all fields first. Ids are in descending
    frequency; a row that occurs less than one after it (such as *unknown*, 0) counts as that one.

    Parameters
    ----------
    counts : of each row, int64, shape [n].
    fields : rows of each field, one after the other.
    alpha : α, at least 0.
    least : numbers of each row at least, of each field.
    most : at most.
    total : numbers in all, within what the bounds allow.

    Returns
    -------
    sizes : int64, shape [n].
    """
    weight = torch.cat([not_growing(own) for own in counts.split(list(fields))]).double().clamp(min=1) ** alpha
    lower = torch.repeat_interleave(torch.tensor(list(least)), torch.tensor(list(fields)))

    def at(factor: float) -> Tensor:
        return (factor * weight).floor().long().clamp(max=most).maximum(lower)

    low, high = 0.0, (most + 1) / float(weight.min())
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if int(at(middle).sum()) <= total else (low, middle)
    sizes = at(low)
    following = (at(high) > sizes).nonzero().squeeze(1)
    turn = torch.cat([torch.arange(n, dtype=torch.float64) / n for n in fields])[following]
    sizes[following[turn.argsort(stable=True)[: total - int(sizes.sum())]]] += 1
    return sizes


def not_growing(counts: Tensor) -> Tensor:
    """Return for each row the largest count from it on."""
    return counts.flip(0).cummax(0).values.flip(0)


def rows_of_sizes(sizes: Tensor, fields: Sequence[int], most: int) -> Tensor:
    """Return how many rows of each field have the sizes `most`, `most` - 1, … 0, int32, shape [F, most + 1]."""
    counted = [torch.bincount(own, minlength=most + 1) for own in sizes.split(list(fields))]
    return torch.stack(counted).flip(1).int()
