"""Sizes that double row by row, in a given order, until a budget is used up."""

from itertools import chain, repeat

from torch import Tensor


def shrunk(sizes: Tensor, total: int, order: Tensor) -> Tensor:
    """Return sizes of which the rows that come first in an order are cut down to 1, so that all are within a budget.

    Parameters
    ----------
    sizes : at least 1, int64, shape [n].
    total : numbers in all, at least n.
    order : of the rows, int64, shape [n].

    Examples
    --------
    >>> from torch import tensor
    >>> shrunk(tensor([4, 4, 2]), total=8, order=tensor([1, 0, 2]))
    tensor([4, 2, 2])
    """
    return _moved(sizes, 1 - sizes, int(sizes.sum()) - total, order)


def doubled(sizes: Tensor, total: int, most: int, order: Tensor, n_wanted: int) -> Tensor:
    """Return sizes of which rows double in an order until the budget is used up.

    Those that are wanted come first, then the others, and as long as numbers are left, all of them again. The last row
    gets what is left.

    Parameters
    ----------
    sizes : at least 1, together within the budget, int64, shape [n].
    total : numbers in all.
    most : of a row.
    order : of the rows, int64, shape [n].
    n_wanted : how many rows of the order are wanted.

    Examples
    --------
    >>> from torch import tensor
    >>> doubled(tensor([2, 2, 2]), total=9, most=8, order=tensor([2, 0, 1]), n_wanted=1)
    tensor([3, 2, 4])
    """
    total = min(total, most * len(sizes))
    for rows in chain([order[:n_wanted], order[n_wanted:]], repeat(order)):
        left = total - int(sizes.sum())
        if left <= 0:
            break
        sizes = _moved(sizes, (2 * sizes).clamp(max=most) - sizes, left, rows)
    return sizes


def _moved(sizes: Tensor, change: Tensor, by: int, order: Tensor) -> Tensor:
    """Return sizes that rows change in an order, until they have changed by so many numbers together."""
    wanted = change[order].abs()
    granted = (by - (wanted.cumsum(0) - wanted)).clamp(min=0).minimum(wanted)
    return sizes.index_add(0, order, granted * change[order].sign())
