"""Quantisation after training: a table of floats whose numbers are stored in 8, 4 or 2 bits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from cadc.data.schema import Field
from cadc.embeddings.base.budget import too_small
from cadc.embeddings.base.scheme import Compressed, TableSpec
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.coding.packing import n_bytes, pack, unpack
from cadc.embeddings.coding.quantizer import best_steps, codes_of
from cadc.embeddings.coding.rows import CHUNK, rows_of
from cadc.embeddings.coding.shapes import Shapes
from cadc.embeddings.fitting.projection import copy_known
from cadc.embeddings.schemes.packed import PackedTable

Bits = Literal[8, 4, 2]
Scale = Literal["row", "table"]

SHIFT = 0.5
"""Levels lie at ±½, ±1½, … steps: with few bits, a level at 0 would leave one more below it than above."""


class QuantisedTable(PackedTable):
    """Number x is stored as the code c of the nearest (c + ½)·s; s is a row's, or the table's, best step.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    bits : of a number.
    scale : whether each row has a step of its own (bfloat16) or all share one (float32).
    """

    mass: Tensor

    def __init__(
        self, fields: Sequence[Field], dim: int, bits: int = 8, scale: Scale = "row", centred: bool = False
    ) -> None:
        super().__init__(fields, dim, centred)
        self.bits, self.scale = bits, scale
        self.weight = nn.Parameter(torch.zeros(self.n_rows, dim))
        self.register_buffer("mass", torch.ones(self.n_rows), persistent=False)

    def plan(self) -> dict[str, Any]:
        """Return bits and kind of scale."""
        return {"bits": self.bits, "scale": self.scale}

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from normal values."""
        with torch.no_grad():
            self.weight.normal_(0, std, generator=generator)

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start from the target itself, stored as its nearest codes; weights only affect a step that all rows share."""
        copy_known(self.weight, target, weight)
        self.mass.copy_(weight.where(weight > 0, 1))

    def trained_vectors(self, rows: Tensor) -> Tensor:
        """Return rows of floats."""
        return rows_of(self.weight, rows)

    def pack(self) -> dict[str, Tensor]:
        """Return codes and steps."""
        if self.scale == "row":
            parts = [best_steps(rows, self.bits, SHIFT) for rows in self.weight.split(CHUNK)]
            # Rounded before codes are chosen, so that they make up for it.
            step = torch.cat(parts).to(torch.bfloat16)
        else:
            mass = self.mass.repeat_interleave(self.dim).unsqueeze(0)
            step = best_steps(self.weight.reshape(1, -1), self.bits, SHIFT, mass)
        of_rows = step.float().unsqueeze(1).expand(self.n_rows, 1)
        half = 1 << (self.bits - 1)
        codes = [
            codes_of(rows, own, self.bits, SHIFT).add_(half).to(torch.uint8)
            for rows, own in zip(self.weight.split(CHUNK), of_rows.split(CHUNK), strict=True)
        ]
        widths = torch.tensor(self.bits, device=step.device).expand(self.n_rows)
        return {"codes": pack(torch.cat(codes), widths), "step": step}

    def decode(self, packed: Mapping[str, Tensor], rows: Tensor) -> Tensor:
        """Return (c + ½)·s."""
        n_bits = self.dim * self.bits
        at = rows.int() if self.n_rows * n_bits < 2**31 else rows
        codes = unpack(packed["codes"], at * n_bits, at.new_tensor([self.bits]), self.dim)
        step = packed["step"]
        step = step.index_select(0, rows).float().unsqueeze(1) if self.scale == "row" else step
        return (codes.float() + (SHIFT - (1 << (self.bits - 1)))) * step

    def expected(self, packed: Mapping[str, Tensor]) -> Shapes:
        """Return types and shapes of codes and steps."""
        return shapes(self.n_rows, self.dim, self.bits, self.scale)


def shapes(n_rows: int, dim: int, bits: int, scale: Scale) -> Shapes:
    """Return types and shapes of what is stored of a table."""
    step = (torch.bfloat16, (n_rows,)) if scale == "row" else (torch.float32, (1,))
    return {"codes": (torch.uint8, (n_bytes(n_rows * dim * bits),)), "step": step}


@dataclass(kw_only=True, eq=False)
class Quantised(Compressed):
    """Trains a full table in float32 and stores it in few bits, the most of 8, 4 and 2 that keep within the budget.

    Parameters
    ----------
    dim, ratio, budget, small : see `Compressed`.
    bits : of a number; null takes the most that the budget allows.
    scale : row gives each row a step of its own, in 2 bytes; table has one for all; null takes row where that fits.
    """

    table_class = QuantisedTable

    ratio: float | None = 4.0
    bits: Bits | None = None
    scale: Scale | None = None

    def table(self, spec: TableSpec) -> QuantisedTable:
        """Return the table of the most bits, with steps of its rows' own if those fit, too."""
        widths: tuple[Bits, ...] = (8, 4, 2) if self.bits is None else (self.bits,)
        scales: tuple[Scale, ...] = ("row", "table") if self.scale is None else (self.scale,)
        sizes = {(bits, scale): self._bytes(spec, bits, scale) for bits in widths for scale in scales}
        for (bits, scale), size in sizes.items():
            if spec.budget is None or size <= spec.budget:
                return QuantisedTable(spec.fields, self.dim, bits, scale, spec.centred)
        assert spec.budget is not None, "any size does without one"
        raise too_small(spec.budget, min(sizes.values()), f"{min(sizes)[0]} bits a number")

    def _bytes(self, spec: TableSpec, bits: int, scale: Scale) -> int:
        plan = {"bits": bits, "scale": scale}
        stored = shapes(spec.n_rows, self.dim, bits, scale)
        return size_of(QuantisedTable, spec.fields, self.dim, spec.centred, plan, stored)
