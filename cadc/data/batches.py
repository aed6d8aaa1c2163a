"""Loader of batches: cuts memory-mapped columns by a permuted index, without worker processes."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.data.orders.block_order import BlockOrder
from cadc.distributed.portion import Portion
from cadc.distributed.ranks import ALONE, Ranks

EVALUATION_BATCH = 1 << 13
"""Rows scored at once if no gradient is needed; the arrays of more rows of forty fields do not fit into a cache."""

GATHERED_ROWS = 1 << 12
"""Rows that are gathered at once, for several small batches, whose calls would take longer than their rows."""

TILE = 64
"""Rows of which a scored batch is a whole multiple.

A matrix product computes the last rows of a batch, which do not fill a tile, in another order, and an exponential
computes them one by one; both give other bits.
"""


def whole_tiles(rows: Tensor) -> Tensor:
    """Return row numbers with the last one repeated until they fill whole tiles, int64, shape [⌈B ÷ TILE⌉ · TILE].

    The score of a row then does not depend on how many rows are scored with it.

    >>> len(whole_tiles(torch.arange(65))), len(whole_tiles(torch.arange(0)))
    (128, 0)
    """
    return torch.cat([rows, rows[-1:].expand(-len(rows) % TILE)])


def shuffled(n_rows: int, generator: torch.Generator, groups: Tensor | None = None) -> Tensor:
    """Return the places of n rows in random order, int64, shape [n].

    Parameters
    ----------
    n_rows : n.
    generator : of the order.
    groups : a whole number from 0 on for each row, int32 or int64, shape [n]: the groups are shuffled, and the rows of
        each follow one another in their order; None shuffles the rows.

    >>> order = shuffled(4, torch.Generator().manual_seed(0), torch.tensor([0, 1, 0, 1]))
    >>> order.tolist() in ([0, 2, 1, 3], [1, 3, 0, 2])
    True
    """
    if groups is None:
        return torch.randperm(n_rows, generator=generator)
    n_groups = int(groups.max()) + 1 if n_rows else 0
    return torch.randperm(n_groups, generator=generator)[groups].argsort(stable=True)


class BatchLoader:
    """Iterates over some rows of a log in batches; an interrupted epoch can be resumed.

    Parameters
    ----------
    log : the log.
    rows : row numbers, int32 or int64, shape [n].
    batch_size : rows of a batch; the last batch may be smaller.
    generator : shuffles the rows anew for each epoch; None keeps their order.
    beside : further parts of a `Batch` (`weight`, `offset`, `fold`), a value for each row, shape [n] each.
    groups : of the rows, which are shuffled as wholes, see `shuffled`.
    ranks : that share each batch: a rank gets its portion of the rows, and the first row of a batch that has none for
        it, so that it can take part in the step. The order, and the place in it, is that of whole batches.
    in_blocks : whether rows are shuffled in blocks, see `cadc.data.orders.block_order.BlockOrder`, rather than singly.

    Attributes
    ----------
    portion : the place of the last batch that was handed out in the whole one.
    """

    def __init__(
        self,
        log: InteractionLog,
        rows: Tensor,
        batch_size: int,
        generator: torch.Generator | None = None,
        beside: Mapping[str, Tensor] | None = None,
        groups: Tensor | None = None,
        ranks: Ranks = ALONE,
        in_blocks: bool = False,
    ) -> None:
        self.log = log
        self.ranks = ranks
        self.portion = Portion(0, 0, 0)
        self.groups = groups
        self.in_blocks = in_blocks
        self.beside = dict(beside or {})
        self.rows = rows
        self.batch_size = batch_size
        self.generator = generator
        self._at_start = self._generator_state()
        """State of the generator before it drew the order of this epoch."""
        self._position = 0
        self._resume_at = 0

    @property
    def position(self) -> int:
        """Number of batches of this epoch that were handed out."""
        return self._position

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        self._position, self._resume_at = self._resume_at, 0
        self._at_start = self._generator_state()
        for part in self._parts(max(1, GATHERED_ROWS // self.batch_size) * self.batch_size):
            own, portions = self._shared(part)
            gathered = self.log.gather(self.rows[own])
            for name, values in self.beside.items():
                setattr(gathered, name, values[own])
            for batch, self.portion in zip(gathered.split(max(1, portions[0].n)), portions, strict=True):
                self._position += 1
                yield batch

    def _shared(self, part: Tensor) -> tuple[Tensor, list[Portion]]:
        """Return the places of this rank in whole batches that follow one another, and its portion of each."""
        firsts = range(0, max(1, len(part)), self.batch_size)
        portions = [self.ranks.portion(min(self.batch_size, len(part) - first)) for first in firsts]
        if self.ranks.is_alone:
            return part, portions
        own = [
            batch[portion.first : portion.end] if portion.n else batch[:1]
            for batch, portion in zip(part.split(self.batch_size), portions, strict=True)
        ]
        return torch.cat(own), portions

    def state_dict(self) -> dict[str, Any]:
        """Return the position in the current epoch, and the state of the generator that shuffled it."""
        if self._position == len(self):
            return {"generator": self._generator_state(), "position": 0}
        return {"generator": self._at_start, "position": self._position}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume at a position that `state_dict` returned; the next iteration starts there."""
        self._position = self._resume_at = state_dict["position"]
        self._at_start = state_dict["generator"]
        if self.generator is not None:
            self.generator.set_state(state_dict["generator"])

    def _parts(self, n_rows: int) -> Iterator[Tensor]:
        """Yield the places of the rows of an epoch from its position on, in parts of some rows."""
        first = self._position * self.batch_size
        if self.in_blocks and self.generator is not None:
            order = BlockOrder(len(self.rows), self.generator)
            yield from (order.places(at, at + n_rows) for at in range(first, len(order), n_rows))
        else:
            yield from self._order()[first:].split(n_rows)

    def _order(self) -> Tensor:
        """Return the places of the rows in the order of an epoch, int64, shape [n]."""
        if self.generator is None:
            return torch.arange(len(self.rows))
        return shuffled(len(self.rows), self.generator, self.groups)

    def _generator_state(self) -> Tensor | None:
        return None if self.generator is None else self.generator.get_state()
