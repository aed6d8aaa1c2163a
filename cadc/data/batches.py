"""Batches cut from tensors in memory by a permuted index, with no worker processes."""

from collections.abc import Iterator

import torch
from torch import Tensor

from cadc.data.log import Batch, InteractionLog

EVALUATION_BATCH = 1 << 15
"""Rows scored at once where no gradient is needed."""


class BatchLoader:
    """Walks through some rows of a log in batches; an epoch is one walk.

    Parameters
    ----------
    log : the log.
    rows : row numbers, int64, shape [n].
    batch_size : rows a batch; the last one may be smaller.
    generator : shuffles anew at each epoch; None keeps the order.
    """

    def __init__(
        self, log: InteractionLog, rows: Tensor, batch_size: int, generator: torch.Generator | None = None
    ) -> None:
        self.log = log
        self.rows = rows
        self.batch_size = batch_size
        self.generator = generator

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        rows = self.rows
        if self.generator is not None:
            rows = rows[torch.randperm(len(rows), generator=self.generator)]
        for part in rows.split(self.batch_size):
            yield self.log.gather(part)
