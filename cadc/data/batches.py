"""Batches cut from tensors in memory by a permuted index, with no worker processes."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog

EVALUATION_BATCH = 1 << 15
"""Rows scored at once where no gradient is needed."""


class BatchLoader:
    """Walks through some rows of a log in batches; an epoch is one walk, and one broken off can be gone on with.

    Parameters
    ----------
    log : the log.
    rows : row numbers, int64, shape [n].
    batch_size : rows a batch; the last one may be smaller.
    generator : shuffles anew at each epoch; None keeps the order.
    beside : further parts of a `Batch` (weight, offset, fold), a value a row, shape [n] each.
    """

    def __init__(
        self,
        log: InteractionLog,
        rows: Tensor,
        batch_size: int,
        generator: torch.Generator | None = None,
        beside: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.log = log
        self.beside = dict(beside or {})
        self.rows = rows
        self.batch_size = batch_size
        self.generator = generator
        self._at_start = self._generator_state()
        """State of the generator before the order of this epoch was drawn."""
        self._position = 0
        """Batches of this epoch that were handed out."""
        self._go_on_at = 0

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        self._position, self._go_on_at = self._go_on_at, 0
        self._at_start = self._generator_state()
        if self.generator is None:
            order = torch.arange(len(self.rows))
        else:
            order = torch.randperm(len(self.rows), generator=self.generator)
        for part in order.split(self.batch_size)[self._position :]:
            self._position += 1
            batch = self.log.gather(self.rows[part])
            for name, values in self.beside.items():
                setattr(batch, name, values[part])
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Return where in which epoch this is."""
        if self._position == len(self):
            return {"generator": self._generator_state(), "position": 0}
        return {"generator": self._at_start, "position": self._position}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there with the next walk."""
        self._position = self._go_on_at = state_dict["position"]
        self._at_start = state_dict["generator"]
        if self.generator is not None:
            self.generator.set_state(state_dict["generator"])

    def _generator_state(self) -> Tensor | None:
        return None if self.generator is None else self.generator.get_state()
