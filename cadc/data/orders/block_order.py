"""An order of rows for logs larger than memory: blocks of rows in random order, and shuffled some blocks at a time."""

import torch
from torch import Tensor

from cadc.randomness import torch_generator

BLOCK_ROWS = 1 << 12
"""Consecutive rows that are read together: 16 KiB of a column of 4 bytes, which a disk reads in one go."""
WINDOW_BLOCKS = 64
"""Blocks whose rows are shuffled together; the columns of so many rows fit into a processor's cache."""
WINDOW_ROWS = BLOCK_ROWS * WINDOW_BLOCKS


class BlockOrder:
    """The places of n rows in an order that depends on the generator alone.

    The rows are cut into blocks of `BLOCK_ROWS`, the blocks are shuffled, and then the rows of every `WINDOW_BLOCKS`
    blocks that follow one another. So memory holds a number for each block, not for each row, the pages of a
    memory-mapped log are read once in an epoch, and any place of the order is found at once. Rows that fill no block
    come last. Up to `WINDOW_ROWS` rows are shuffled like cards.

    Parameters
    ----------
    n_rows : n.
    generator : of the order; one number is drawn from it.

    Examples
    --------
    >>> order = BlockOrder(10, torch.Generator().manual_seed(0))
    >>> sorted(order.places(0, 10).tolist()) == list(range(10))
    True
    """

    def __init__(self, n_rows: int, generator: torch.Generator) -> None:
        self.n_rows = n_rows
        self.seed = int(torch.randint(2**62, (1,), generator=generator))
        self._blocks = torch.randperm(n_rows // BLOCK_ROWS, generator=torch_generator(self.seed, "blocks"))
        self._window = -1
        self._places = torch.empty(0, dtype=torch.int64)

    def __len__(self) -> int:
        return self.n_rows

    def places(self, first: int, end: int) -> Tensor:
        """Return the places of the rows from number `first` of the order up to, but without, number `end`, int64."""
        parts, end = [], min(end, self.n_rows)
        while first < end:
            window, inside = divmod(first, WINDOW_ROWS)
            part = self._of_window(window)[inside : inside + end - first]
            parts.append(part)
            first += len(part)
        return torch.cat(parts) if len(parts) != 1 else parts[0]

    def _of_window(self, window: int) -> Tensor:
        if window != self._window:
            blocks = self._blocks[window * WINDOW_BLOCKS : (window + 1) * WINDOW_BLOCKS]
            places = (blocks.unsqueeze(1) * BLOCK_ROWS + torch.arange(BLOCK_ROWS)).flatten()
            if len(blocks) < WINDOW_BLOCKS:
                places = torch.cat([places, torch.arange(self.n_rows - self.n_rows % BLOCK_ROWS, self.n_rows)])
            order = torch.randperm(len(places), generator=torch_generator(self.seed, f"window {window}"))
            self._window, self._places = window, places[order]
        return self._places
