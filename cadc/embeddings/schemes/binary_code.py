"""Binary-code hash embeddings (arXiv 2109.02471): the bits of a hash, in blocks, point into one small table a block."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from cadc.data.schema import Field
from cadc.embeddings.base.budget import largest_within
from cadc.embeddings.base.scheme import Compressed, TableSpec
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.coding.hashes import scrambled
from cadc.embeddings.schemes.shared_rows import Combine, SharedRowsTable, columns
from cadc.errors import UsageError

Blocks = Literal["succession", "skip"]
MOST_BITS = 32


class BinaryCodeTable(SharedRowsTable):
    """Row v has a code of L bits, and each block of the code takes a row from a table of its own.

    Codes are the lowest L bits of a permutation of numbers, so that where 2^L is at least the number of rows, no two
    rows have the same code. Tables of all blocks are in `weight`, one after the other.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    bits : L.
    step : t; blocks are t consecutive bits in `succession`, or the t + 1 groups of every (t + 1)-th bit with `skip`.
    hash : (a, b), see `scrambled`.
    blocks, combine : see `BinaryCode`.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        dim: int,
        bits: int,
        step: int,
        hash: Sequence[int],
        blocks: Blocks = "succession",
        combine: Combine = "sum",
        centred: bool = False,
    ) -> None:
        positions = positions_of(bits, step, blocks)
        n_shared = sum(1 << len(block) for block in positions)
        super().__init__(fields, dim, n_shared, len(positions), combine, centred)
        self.bits, self.step, self.hash, self.blocks = bits, step, list(hash), blocks
        self.positions = positions

    def plan(self) -> dict[str, Any]:
        """Return the length of codes, how they are cut, and the hash."""
        return {
            "bits": self.bits,
            "step": self.step,
            "hash": self.hash,
            "blocks": self.blocks,
            "combine": self.combine,
        }

    def codes(self, rows: Tensor) -> Tensor:
        """Return the code of each row, int64."""
        a, b = self.hash
        return scrambled(rows, a, b, max(self.bits, bits_for(self.n_rows))) & ((1 << self.bits) - 1)

    def slots(self, rows: Tensor) -> list[Tensor]:
        """Return the shared row of each block of each row."""
        codes = self.codes(rows)
        found, first = [], 0
        for block in self.positions:
            if self.blocks == "succession":
                own = (codes >> block[0]) & ((1 << len(block)) - 1)
            else:
                own = torch.zeros_like(codes)
                for place, position in enumerate(block):
                    own |= ((codes >> position) & 1) << place
            found.append(own + first)
            first += 1 << len(block)
        return found


@dataclass(kw_only=True, eq=False)
class BinaryCode(Compressed):
    """Binary-code hash embeddings.

    Parameters
    ----------
    dim, ratio, budget, small : see `Compressed`.
    bits : length of codes, at most 32; None for as many as the budget has room for once the size of blocks is chosen,
        and at least so many that no two rows share a code.
    blocks : whether blocks are consecutive bits (`succession`) or bits at equal distances (`skip`).
    combine : whether rows of the blocks are added (`sum`) or put side by side (`concat`), each so much narrower.
    """

    table_class = BinaryCodeTable

    bits: int | None = None
    blocks: Blocks = "succession"
    combine: Combine = "sum"

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if self.bits is not None and not 1 <= self.bits <= MOST_BITS:
            raise UsageError(f"embedding.bits is {self.bits}; it must be from 1 to {MOST_BITS}.")

    def table(self, spec: TableSpec) -> BinaryCodeTable:
        """Return the table of the largest blocks, and with these of the longest codes."""
        least_bits = bits_for(spec.n_rows) if self.bits is None else self.bits
        hash = [spec.draw(1 << 30) * 2 + 1, spec.draw(1 << 31)]
        most_blocks = least_bits if self.combine == "sum" else self.dim
        # From the smallest blocks to the largest.
        every = range(1, least_bits + 1) if self.blocks == "succession" else range(least_bits - 1, -1, -1)
        steps = [step for step in every if len(positions_of(least_bits, step, self.blocks)) <= most_blocks]
        smallest = len(positions_of(least_bits, steps[0], self.blocks)[0])

        def plan_at(bits: int, step: int) -> dict[str, Any]:
            return {"bits": bits, "step": step, "hash": hash, "blocks": self.blocks, "combine": self.combine}

        def bytes_at(bits: int, step: int) -> int:
            positions = positions_of(bits, step, self.blocks)
            width = columns(self.dim, len(positions), self.combine)
            shapes = {"weight": (torch.float32, (sum(1 << len(block) for block in positions), width))}
            return size_of(BinaryCodeTable, spec.fields, self.dim, spec.centred, plan_at(bits, step), shapes)

        def bytes_of_number(number: int) -> int:
            return bytes_at(least_bits, steps[number - smallest])

        last = smallest + len(steps) - 1
        step = steps[largest_within(spec.budget, bytes_of_number, smallest, last, "bits a block") - smallest]
        bits = least_bits
        if self.bits is None and spec.budget is not None:
            n_blocks = len(positions_of(bits, step, self.blocks))
            most_bits = min(MOST_BITS, n_blocks * step if self.blocks == "succession" else MOST_BITS)
            bits = largest_within(spec.budget, lambda bits: bytes_at(bits, step), bits, most_bits, "bits")
        return BinaryCodeTable(spec.fields, self.dim, **plan_at(bits, step), centred=spec.centred)


def positions_of(bits: int, step: int, blocks: Blocks) -> list[range]:
    """Return the bits of each block of a code, none of which is empty.

    >>> positions_of(5, 2, "succession")
    [range(0, 2), range(2, 4), range(4, 5)]
    >>> [list(block) for block in positions_of(5, 2, "skip")]
    [[0, 3], [1, 4], [2]]
    """
    if blocks == "succession":
        return [range(first, min(first + step, bits)) for first in range(0, bits, step)]
    return [range(first, bits, step + 1) for first in range(min(step + 1, bits))]


def bits_for(n: int) -> int:
    """Return how many bits tell n numbers apart, at least 1."""
    return max(1, (n - 1).bit_length())
