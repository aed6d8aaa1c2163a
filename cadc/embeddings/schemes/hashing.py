"""The hashing trick (Weinberger et al., ICML 2009): values share the rows of a small table by their hash."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cadc.data.schema import Field
from cadc.embeddings.base.budget import largest_within
from cadc.embeddings.base.scheme import Compressed, TableSpec
from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.coding.hashes import PRIME, bucket
from cadc.embeddings.coding.rows import rows_of
from cadc.embeddings.fitting.projection import slot_means


class HashedTable(EmbeddingTable):
    """Row v looks up row ((a·v + b) mod P) mod m of one table of m rows, which all fields share.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    rows : m.
    a, b : of the hash, 0 < a < P.
    """

    def __init__(self, fields: Sequence[Field], dim: int, rows: int, a: int, b: int, centred: bool = False) -> None:
        super().__init__(fields, dim, centred)
        self.rows, self.a, self.b = rows, a, b
        self.weight = nn.Parameter(torch.zeros(rows, dim))

    def plan(self) -> dict[str, Any]:
        """Return the number of rows and the hash."""
        return {"rows": self.rows, "a": self.a, "b": self.b}

    def slots(self, rows: Tensor) -> Tensor:
        """Return the row of the small table that each row looks up, int64."""
        return bucket(rows, self.a, self.b, self.rows)

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows."""
        return rows_of(self.weight, self.slots(rows))

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from normal values."""
        with torch.no_grad():
            self.weight.normal_(0, std, generator=generator)

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start each shared row from the weighted mean of the rows that look it up, which least squares gives."""
        slots = self.slots(torch.arange(self.n_rows))
        with torch.no_grad():
            self.weight.copy_(slot_means(slots, target, weight, self.weight))


@dataclass(kw_only=True, eq=False)
class Hashing(Compressed):
    """The hashing trick.

    Parameters
    ----------
    dim, ratio, budget, small : see `Compressed`.
    """

    table_class = HashedTable

    def table(self, spec: TableSpec) -> HashedTable:
        """Return the table with the most rows."""
        a, b = spec.draw(PRIME, 1), spec.draw(PRIME)

        def bytes_at(rows: int) -> int:
            plan = {"rows": rows, "a": a, "b": b}
            shapes = {"weight": (torch.float32, (rows, self.dim))}
            return size_of(HashedTable, spec.fields, self.dim, spec.centred, plan, shapes)

        rows = largest_within(spec.budget, bytes_at, 1, spec.n_rows, "rows")
        return HashedTable(spec.fields, self.dim, rows, a, b, spec.centred)
