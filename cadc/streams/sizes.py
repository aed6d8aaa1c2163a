"""Sizes of the rows of a table that follow given weights and add up to exactly a budget."""

import torch
from torch import Tensor

from cadc.errors import UsageError


def sizes_within(weight: Tensor, total: int, most: int, least: int = 1) -> Tensor:
    """Return sizes that are proportional to weights, within bounds, and add up to `total` or to all that bounds allow.

    With the largest c for which Σ clip(c·w, least, most) does not exceed the total, each row gets the whole part of its
    clipped share; what is left goes one by one to the largest remainders, ties to the rows that come first.

    Parameters
    ----------
    weight : of each row, finite and not negative, shape [n].
    total : numbers in all.
    most, least : bounds of each row.

    Returns
    -------
    sizes : int64, shape [n].

    Raises
    ------
    UsageError : if not every row can have its least.

    Examples
    --------
    >>> sizes_within(torch.tensor([8.0, 2.0, 1.0, 0.0]), total=10, most=5)
    tensor([5, 3, 1, 1])
    """
    n = len(weight)
    if total < n * least:
        raise UsageError(
            f"a budget of {total} numbers does not reach for {n} rows; the smallest that does is {n * least}."
        )
    total, w = min(total, n * most), weight.double()
    if not bool((w > 0).any()):
        w = torch.ones(n, dtype=torch.float64)
    # Rows without a weight come last, after all others have the most.
    w = w.clamp(min=float(w[w > 0].min()) * 1e-6)

    def shares(factor: float) -> Tensor:
        return (factor * w).clamp(least, most)

    low, high = 0.0, (most + 1) / float(w.min())
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if float(shares(middle).sum()) <= total else (low, middle)
    exact = shares(low)
    sizes = exact.floor().long()
    while (left := total - int(sizes.sum())) > 0:
        remainder = torch.where(sizes < most, exact - sizes, -torch.inf)
        able = int((sizes < most).sum())
        sizes[remainder.argsort(descending=True, stable=True)[: min(left, able)]] += 1
    return sizes
