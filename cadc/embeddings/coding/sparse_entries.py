"""Tables of which only some entries are stored: the choice of entries, and its coding as bits."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from cadc.embeddings.base.budget import largest_within


def greatest_within(budget: int, margin: Tensor, bytes_of: Callable[[int, int], int]) -> Tensor:
    """Return the greatest entries of a table, as many as keep within a budget.

    Parameters
    ----------
    budget : bytes.
    margin : by which entries are ordered, shape [n, d]; of equal ones the first come first.
    bytes_of : bytes of the file of so many entries in so many rows.

    Returns
    -------
    entries : row · d + column of each, ascending, int64.

    Raises
    ------
    UsageError : where there is not even room for one.
    """
    n, dim = margin.shape
    order = margin.flatten().argsort(descending=True, stable=True)
    at = torch.arange(len(order), device=order.device)
    first = at.new_full((n,), len(order)).scatter_reduce(0, order // dim, at, "amin")
    rows = torch.zeros_like(at).index_fill(0, first, 1).cumsum(0)
    kept = largest_within(budget, lambda k: bytes_of(k, int(rows[k - 1])), 1, len(order), "entries")
    return order[:kept].sort().values


def bitmask_bytes(n: int, dim: int, present: int) -> tuple[int, int]:
    """Return the bytes of a bit for each of n rows, and of the masks of the `present` rows with entries."""
    return -(-n // 8), -(-present * dim // 8)


def packed(entries: Tensor, n: int, dim: int) -> tuple[Tensor, Tensor]:
    """Return the entries of a table of n rows as bits.

    Parameters
    ----------
    entries : row · dim + column of each, ascending, int64.

    Returns
    -------
    rows, masks : uint8; a bit for each row, and `dim` bits for each row with entries, the first bits highest.
    """
    own = entries.cpu().numpy()
    has_any, is_there = np.zeros(n, bool), np.zeros(n * dim, bool)
    has_any[own // dim] = True
    is_there[own] = True
    masks = is_there.reshape(n, dim)[has_any]
    return torch.from_numpy(np.packbits(has_any)), torch.from_numpy(np.packbits(masks.ravel()))


def unpacked(rows: Tensor, masks: Tensor, n: int, dim: int) -> Tensor:
    """Return the entries that `packed` was given.

    Raises
    ------
    ValueError : for masks that are not of so many rows.
    """
    which = np.flatnonzero(np.unpackbits(rows.cpu().numpy())[:n])
    if (len(rows), len(masks)) != bitmask_bytes(n, dim, len(which)):
        raise ValueError(
            f"masks are {len(masks)} bytes; expected {bitmask_bytes(n, dim, len(which))[1]}, for {len(which)} rows"
        )
    at = np.flatnonzero(np.unpackbits(masks.cpu().numpy())[: len(which) * dim])
    return torch.from_numpy(which[at // dim] * dim + at % dim)
