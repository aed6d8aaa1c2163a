"""Blocks for batched solves: the rows of each value, in blocks of values with similar numbers of rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cadc.data.grouping import grouped_order

CELLS = 1 << 15
"""Rows of a block, padding included, so that its features fit into a processor's cache."""
MOST_VALUES = 1 << 13
"""Most values of a block, which bounds the memory of their d-by-d systems."""


@dataclass
class Block:
    """Some values and their rows.

    Parameters
    ----------
    values : ids, int64, shape [m].
    rows : numbers of the rows of each value, int32 or, from 2^31 rows on, int64, shape [m, L]; shorter lists are padded
        with `n_rows`.
    """

    values: Tensor
    rows: Tensor


def block_cuts(lengths: Tensor, cells: int = CELLS, most_values: int = MOST_VALUES) -> Iterator[tuple[int, int]]:
    """Yield the first place of each block, and the one after its last.

    Parameters
    ----------
    lengths : number of rows of each value, descending, int64, shape [n].
    cells : largest m·L of a block; a value with more rows is a block of its own.
    most_values : largest m of a block.

    Examples
    --------
    >>> list(block_cuts(torch.tensor([9, 3, 3, 1]), cells=6))
    [(0, 1), (1, 3), (3, 4)]
    """
    start = 0
    while start < len(lengths):
        end = min(len(lengths), start + max(1, min(most_values, cells // int(lengths[start]))))
        yield start, end
        start = end


def blocks_of(ids: Tensor, n_values: int, cells: int = CELLS, most_values: int = MOST_VALUES) -> list[Block]:
    """Return blocks that hold every row once, the values with most rows first; values without rows are left out.

    Parameters
    ----------
    ids : the value of each row, int32 or int64, shape [n_rows].
    n_values : number of values.
    cells : largest m·L of a block; a value with more rows is a block of its own.
    most_values : largest m of a block.

    Examples
    --------
    >>> (block,) = blocks_of(torch.tensor([2, 0, 2]), n_values=3)
    >>> block.values.tolist(), block.rows.tolist()
    ([2, 0], [[0, 2], [1, 3]])
    """
    counts = torch.bincount(ids, minlength=n_values)
    by_value = torch.from_numpy(grouped_order(ids.numpy(), counts.numpy()).astype(np.int64))
    first = counts.cumsum(0) - counts
    values = torch.argsort(counts, descending=True, stable=True)
    values = values[counts[values] > 0]
    blocks = []
    for start, end in block_cuts(counts[values], cells, most_values):
        some = values[start:end]
        within = torch.arange(int(counts[some[0]]))
        places = (first[some][:, None] + within).clamp_(max=len(ids) - 1)
        rows = by_value[places].masked_fill_(within >= counts[some][:, None], len(ids))
        blocks.append(Block(some, rows))
    return blocks
