"""Quotient-remainder embeddings (Shi et al., KDD 2020, arXiv 1909.02107)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any, Literal

import torch
from torch import Tensor

from cadc.data.schema import Field
from cadc.embeddings.base.budget import largest_within
from cadc.embeddings.base.scheme import Compressed, TableSpec
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.coding.rows import rows_of
from cadc.embeddings.fitting.rank_one import fit_products
from cadc.embeddings.schemes.shared_rows import SharedRowsTable, columns

Operation = Literal["multiply", "add", "concat"]


class QuotientRemainderTable(SharedRowsTable):
    """Row v combines row v div m of one table with row v mod m of another, a pair that no other row has.

    Both tables are in `weight`, quotients first.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    remainders : m, the same for quotients and remainders; else pairs would not be unique.
    combine : `multiply` element by element, `add`, or `concat`, with which both tables have half the columns.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        dim: int,
        remainders: int,
        combine: Operation = "multiply",
        centred: bool = False,
    ) -> None:
        n_rows = sum(field.vocabulary_size for field in fields)
        n_shared = _n_quotients(n_rows, remainders) + remainders
        super().__init__(fields, dim, n_shared, 2, "concat" if combine == "concat" else "sum", centred)
        self.remainders, self.operation = remainders, combine

    def plan(self) -> dict[str, Any]:
        """Return m and how rows are combined."""
        return {"remainders": self.remainders, "combine": self.operation}

    @property
    def n_quotients(self) -> int:
        """Rows of the table of quotients."""
        return _n_quotients(self.n_rows, self.remainders)

    def slots(self, rows: Tensor) -> list[Tensor]:
        """Return the rows of the quotient and of the remainder of each row."""
        quotient = rows.div(self.remainders, rounding_mode="floor")
        return [quotient, rows - quotient * self.remainders + self.n_quotients]

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows."""
        if self.operation != "multiply":
            return super().vectors(rows)
        of_quotient, of_remainder = self.slots(rows)
        return rows_of(self.weight, of_quotient) * rows_of(self.weight, of_remainder)

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from normal values; the product of two of standard deviation √std has the one that is asked for."""
        if self.operation != "multiply":
            super().reset(std, generator)
            return
        with torch.no_grad():
            self.weight.normal_(0, std**0.5, generator=generator)

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start from the nearest products, of rank one in each column, or from the least-squares solution."""
        if self.operation != "multiply":
            super().project(target, weight)
            return
        with torch.no_grad():
            quotients, remainders = self.weight.split([self.n_quotients, self.remainders])
            fit_products(target, weight, quotients, remainders)


@dataclass(kw_only=True, eq=False)
class QuotientRemainder(Compressed):
    """Quotient-remainder embeddings; their least rows are about 2·√n.

    Parameters
    ----------
    dim, ratio, budget, small : see `Compressed`.
    combine : see `QuotientRemainderTable`.
    """

    table_class = QuotientRemainderTable

    combine: Operation = "multiply"

    def table(self, spec: TableSpec) -> QuotientRemainderTable:
        """Return the table with the largest m; from √n on its rows grow with m."""
        width = columns(self.dim, 2, self.combine)

        def bytes_at(remainders: int) -> int:
            plan = {"remainders": remainders, "combine": self.combine}
            shapes = {"weight": (torch.float32, (_n_quotients(spec.n_rows, remainders) + remainders, width))}
            return size_of(QuotientRemainderTable, spec.fields, self.dim, spec.centred, plan, shapes)

        least = isqrt(spec.n_rows - 1) + 1
        remainders = largest_within(spec.budget, bytes_at, least, spec.n_rows, "remainders")
        return QuotientRemainderTable(spec.fields, self.dim, remainders, self.combine, spec.centred)


def _n_quotients(n_rows: int, remainders: int) -> int:
    return -(-n_rows // remainders)
