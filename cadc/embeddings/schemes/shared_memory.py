"""Vectors whose numbers all lie in one memory, with a look-up about as fast as that of a plain embedding."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from cadc.data.schema import Field
from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.coding.rows import CHUNK

AT_A_TIME = 1 << 19
"""Slots that are computed together, a few MB of them."""

SPARSE = 64
"""Rows of the table per row looked up from which sorting finds the distinct rows faster."""


class SharedMemoryTable(EmbeddingTable):
    """E[v, i] = s(v, i)·M[slot(v, i)], where neither slots nor signs are stored.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    slots : numbers of M, which all fields share.
    """

    is_signed = False
    """Whether there are signs s."""

    def __init__(self, fields: Sequence[Field], dim: int, slots: int, centred: bool = False) -> None:
        super().__init__(fields, dim, centred)
        self.slots = slots
        self.memory = nn.Parameter(torch.zeros(slots))

    @abstractmethod
    def slots_of(self, rows: Tensor) -> Tensor:
        """Return the slot of each number of some rows (int64, shape [n]), plus `slots` where its sign is -1.

        Returns
        -------
        Whole numbers of any type, shape [n, dim].
        """

    def plan(self) -> dict[str, Any]:
        """Return the number of slots."""
        return {"slots": self.slots}

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows."""
        own, place = distinct(rows, self.n_rows)
        # Signs cost nothing more to look up where the memory stands beside its negative.
        memory = torch.cat([self.memory, -self.memory]) if self.is_signed else self.memory
        found: Tensor = _Shared.apply(memory, self._slots(own), place)
        return found

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from uniform values, as the authors of ROBE and LMA do."""
        with torch.no_grad():
            self.memory.uniform_(-(3**0.5) * std, 3**0.5 * std, generator=generator)

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start each slot from the weighted mean of sign times target over the numbers that it stands for."""
        sums = torch.zeros(self.slots, dtype=torch.float64)
        mass = torch.zeros(self.slots, dtype=torch.float64)
        for rows in weight.nonzero().squeeze(1).split(CHUNK):
            slots = self._slots(rows).flatten()
            values = (weight[rows].double().unsqueeze(1) * target[rows]).flatten()
            if self.is_signed:
                values *= torch.where(slots < self.slots, 1.0, -1.0)
                slots %= self.slots
            sums.index_add_(0, slots, values)
            mass.index_add_(0, slots, weight[rows].double().repeat_interleave(self.dim))
        used = mass > 0
        with torch.no_grad():
            self.memory[used] = (sums[used] / mass[used]).float()

    def _slots(self, rows: Tensor) -> Tensor:
        """Return `slots_of` rows as int64, computed a few at a time where there are many."""
        found = torch.empty(len(rows), self.dim, dtype=torch.int64, device=rows.device)
        step = max(1, AT_A_TIME // self.dim) if rows.device.type == "cpu" else max(1, len(rows))
        for part, own in zip(found.split(step), rows.split(step), strict=True):
            part.copy_(self.slots_of(own))
        return found


def distinct(rows: Tensor, n_rows: int) -> tuple[Tensor, Tensor]:
    """Return the distinct ones among row numbers, ascending, and the place of each of the rows among them.

    Parameters
    ----------
    rows : int64, shape [n].
    n_rows : all are below it.
    """
    if n_rows > SPARSE * len(rows) or rows.device.type != "cpu":
        own, place = torch.unique(rows, return_inverse=True)
        return own, place
    occurs = torch.zeros(n_rows, dtype=torch.bool)
    occurs[rows] = True
    own = occurs.nonzero().squeeze(1)
    place = torch.empty(n_rows, dtype=torch.int64)
    place[own] = torch.arange(len(own))
    return own, place.index_select(0, rows)


class _Shared(torch.autograd.Function):
    """Looks up each distinct row once; the gradient is added up by row first, and then by slot."""

    @staticmethod
    def forward(ctx: Any, memory: Tensor, slots: Tensor, place: Tensor) -> Tensor:
        """Return memory[slots] of the distinct rows, slots of shape [u, d], at the places [n], shape [n, d]."""
        ctx.save_for_backward(slots, place)
        ctx.size = len(memory)
        return memory.index_select(0, slots.flatten()).view(slots.shape).index_select(0, place)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the memory alone."""
        slots, place = ctx.saved_tensors
        of_rows = gradient.new_zeros(slots.shape)
        of_memory = gradient.new_zeros(ctx.size)
        if gradient.device.type == "cpu":
            of_rows.index_add_(0, place, gradient)
            of_memory.scatter_add_(0, slots.flatten(), of_rows.flatten())
        else:  # the same bits each time, unlike the above
            of_rows.index_put_((place,), gradient, accumulate=True)
            of_memory.index_put_((slots.flatten(),), of_rows.flatten(), accumulate=True)
        return of_memory, None, None
