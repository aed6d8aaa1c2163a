"""Hash codes: every row is a few bits, read out by vectors that all rows share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from cadc.data.schema import Field
from cadc.embeddings.base.budget import largest_within
from cadc.embeddings.base.scheme import Compressed, TableSpec
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.coding.packing import MOST, n_bytes, pack, unpack
from cadc.embeddings.coding.rows import rows_of
from cadc.embeddings.coding.shapes import Shapes
from cadc.embeddings.fitting.binary_fit import signs_and_vectors
from cadc.embeddings.schemes.packed import PackedTable

START = 0.05
"""How far from 0 logits begin: the nearer, the sooner a bit flips."""


class HashCodeTable(PackedTable):
    """E[v] = sign(logits of v)·R with R of shape [bits, dim]; the signs are stored, a bit each.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    bits : of a row.
    """

    straight_through = True

    def __init__(self, fields: Sequence[Field], dim: int, bits: int, centred: bool = False) -> None:
        super().__init__(fields, dim, centred)
        self.bits = bits
        self.logits = nn.Parameter(torch.zeros(self.n_rows, bits))
        self.readout = nn.Parameter(torch.zeros(bits, dim))

    def plan(self) -> dict[str, Any]:
        """Return the bits of a row."""
        return {"bits": self.bits}

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from random codes, read out by normal values."""
        with torch.no_grad():
            self.logits.normal_(0, START, generator=generator)
            self.readout.normal_(0, std / self.bits**0.5, generator=generator)

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start from codes and read-out that fit the target; rows without one keep their code."""
        has_target = weight > 0
        signs, readout = signs_and_vectors(target[has_target], weight[has_target], self.bits)
        with torch.no_grad():
            self.readout.copy_(readout)
            self.logits[has_target] = START * signs.float()

    def trained_vectors(self, rows: Tensor) -> Tensor:
        """Return the read-out of signs; logits between -1 and 1 get gradients as if they were read themselves.

        That is the straight-through estimator of binarised networks (Hubara et al., NeurIPS 2016).
        """
        logits = rows_of(self.logits, rows)
        within = logits.clamp(-1, 1)
        signs = torch.where(logits >= 0, 1.0, -1.0)
        return (within + (signs - within).detach()) @ self.readout

    def pack(self) -> dict[str, Tensor]:
        """Return a bit for each logit, 1 from 0 up, and the read-out."""
        widths = torch.ones(self.n_rows, dtype=torch.uint8, device=self.logits.device)
        return {"codes": pack((self.logits >= 0).to(torch.uint8), widths), "readout": self.readout.detach().clone()}

    def aids(self, packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what each value of each 8 bits of a code adds to the vector, shape [256·bytes, dim]."""
        readout = packed["readout"]
        n_parts = n_bytes(self.bits)
        padded = torch.cat([readout, readout.new_zeros(n_parts * MOST - self.bits, self.dim)])
        values = torch.arange(1 << MOST, device=readout.device)
        sums = readout.new_zeros(n_parts, 1 << MOST, self.dim)
        for bit in range(MOST):
            signs = 2.0 * ((values >> bit) & 1) - 1
            sums += signs.view(1, -1, 1) * padded[bit::MOST].unsqueeze(1)
        return {"sums": sums.flatten(0, 1)}

    def decode(self, packed: Mapping[str, Tensor], rows: Tensor) -> Tensor:
        """Return the sum of what each 8 bits of a row's code add."""
        at = rows.int() if self.n_rows * self.bits < 2**31 - self.bits else rows
        n_parts = n_bytes(self.bits)
        # The last of them may reach into the next row, whose bits add zeros.
        parts = unpack(packed["codes"], at * self.bits, at.new_tensor([MOST]), n_parts)
        first = torch.arange(n_parts, dtype=parts.dtype, device=parts.device) << MOST
        return embedding(parts + first, packed["sums"]).sum(1)

    def expected(self, packed: Mapping[str, Tensor]) -> Shapes:
        """Return types and shapes of codes and read-out."""
        return shapes(self.n_rows, self.dim, self.bits)


def shapes(n_rows: int, dim: int, bits: int) -> Shapes:
    """Return types and shapes of what is stored of a table."""
    return {"codes": (torch.uint8, (n_bytes(n_rows * bits),)), "readout": (torch.float32, (bits, dim))}


@dataclass(kw_only=True, eq=False)
class HashCode(Compressed):
    """Codes of as many bits as the budget allows, with a learned linear read-out.

    Parameters
    ----------
    dim, ratio, budget, small : see `Compressed`.
    """

    table_class = HashCodeTable

    def table(self, spec: TableSpec) -> HashCodeTable:
        """Return the table of the longest codes."""

        def bytes_at(bits: int) -> int:
            stored = shapes(spec.n_rows, self.dim, bits)
            return size_of(HashCodeTable, spec.fields, self.dim, spec.centred, {"bits": bits}, stored)

        bits = largest_within(spec.budget, bytes_at, 1, 32 * self.dim, "bits a row")
        return HashCodeTable(spec.fields, self.dim, bits, spec.centred)
