"""ROBE: blocks of each vector lie anywhere in one array, where they overlap (Desai et al., arXiv 2108.02191)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cadc.data.schema import Field
from cadc.embeddings.base.budget import largest_within
from cadc.embeddings.base.scheme import Compressed, TableSpec
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.coding.hashes import PRIME, affine, modulo_
from cadc.embeddings.schemes.shared_memory import SharedMemoryTable
from cadc.errors import require_at_least


class RobeTable(SharedMemoryTable):
    """Number i of row v lies in slot (h mod P) mod (|M| - Z + 1) + i mod Z, where h = v·R3 + (i div Z)·R2 + R1.

    The sign, if there is one, is that of whether (h mod P) div (|M| - Z + 1) is odd: slot and sign together are
    (h mod P) mod 2(|M| - Z + 1), a hash into twice as many places.

    Parameters
    ----------
    fields, dim, slots, centred : see `SharedMemoryTable`.
    block : Z, at most `dim` and `slots`; the last block is cut where it does not divide `dim`.
    hashed : R1, R2 and R3, in [1, P).
    signed : whether each block of a row has a sign.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        dim: int,
        slots: int,
        block: int,
        hashed: Sequence[int],
        signed: bool = False,
        centred: bool = False,
    ) -> None:
        super().__init__(fields, dim, slots, centred)
        self.block, self.hashed, self.is_signed = block, tuple(hashed), signed

    def plan(self) -> dict[str, Any]:
        """Return the number of slots, the block size and the hash."""
        return super().plan() | {"block": self.block, "hashed": list(self.hashed), "signed": self.is_signed}

    def slots_of(self, rows: Tensor) -> Tensor:
        """Return the slot of each number of some rows, and its sign."""
        r1, r2, r3 = self.hashed
        blocks = torch.arange(-(-self.dim // self.block), device=rows.device)
        # Of rows and blocks apart, so that no product of large numbers is taken for each pair.
        of_rows, of_blocks = affine(rows, r3, 0).double(), affine(blocks, r2, r1).double()
        hashes = modulo_(of_rows.unsqueeze(1) + of_blocks, PRIME)
        choices = self.slots - self.block + 1
        first = modulo_(hashes, 2 * choices if self.is_signed else choices)
        if self.block == 1:
            return first
        if self.is_signed:
            first += (first >= choices) * (self.slots - choices)
        within = torch.arange(self.block, device=rows.device)
        return (first.long().unsqueeze(2) + within).flatten(1)[:, : self.dim]


@dataclass(kw_only=True, eq=False)
class Robe(Compressed):
    """Random offset block embedding array.

    Parameters
    ----------
    dim, ratio, budget, small : see `Compressed`.
    block : numbers of a vector that lie side by side, at most `dim`; the last block is cut where it does not divide it.
    signs : whether each block has a random sign.
    """

    table_class = RobeTable

    block: int = 1
    signs: bool = False

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        require_at_least(1, "embedding", block=self.block)

    def table(self, spec: TableSpec) -> RobeTable:
        """Return the table with the most slots."""
        block = min(self.block, self.dim)
        hashed = [spec.draw(PRIME, 1) for _ in range(3)]

        def plan(slots: int) -> dict[str, Any]:
            return {"slots": slots, "block": block, "hashed": hashed, "signed": self.signs}

        def bytes_at(slots: int) -> int:
            shapes = {"memory": (torch.float32, (slots,))}
            return size_of(RobeTable, spec.fields, self.dim, spec.centred, plan(slots), shapes)

        slots = largest_within(spec.budget, bytes_at, block, spec.n_rows * self.dim, "slots")
        return RobeTable(spec.fields, self.dim, **plan(slots), centred=spec.centred)
