"""Frequency-aware double hashing (Zhang et al., RecSys 2020, arXiv 2007.14523)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cadc.data.schema import Field
from cadc.embeddings.base.budget import largest_within
from cadc.embeddings.base.scheme import Compressed, TableSpec
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.coding.hashes import PRIME, bucket
from cadc.embeddings.coding.rows import rows_of
from cadc.embeddings.schemes.shared_rows import Combine, SharedRowsTable, columns
from cadc.errors import UsageError


class DoubleHashedTable(SharedRowsTable):
    """Frequent values have rows of their own; the vectors of the others are made of two shared rows, by two hashes.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    own : how many ids of each field, from 0 on, have rows of their own.
    shared : rows for all others; both hashes point into the same rows.
    hashes : (a, b) of each hash, see `bucket`.
    combine : see `SharedRowsTable`.
    """

    prefixes: Tensor
    field_starts: Tensor
    own_starts: Tensor

    def __init__(
        self,
        fields: Sequence[Field],
        dim: int,
        own: Sequence[int],
        shared: int,
        hashes: Sequence[Sequence[int]],
        combine: Combine = "sum",
        centred: bool = False,
    ) -> None:
        super().__init__(fields, dim, shared, len(hashes), combine, centred)
        self.own_prefixes, self.hashes = list(own), [list(each) for each in hashes]
        prefixes = torch.tensor(self.own_prefixes)
        self.own = nn.Parameter(torch.zeros(sum(self.own_prefixes), dim))
        self.register_buffer("prefixes", prefixes, persistent=False)
        self.register_buffer("field_starts", torch.tensor(list(self.first_row.values())), persistent=False)
        self.register_buffer("own_starts", prefixes.cumsum(0) - prefixes, persistent=False)

    def plan(self) -> dict[str, Any]:
        """Return which rows are their own, how many are shared, and the hashes."""
        return {
            "own": self.own_prefixes,
            "shared": len(self.weight),
            "hashes": self.hashes,
            "combine": self.combine,
        }

    def slots(self, rows: Tensor) -> list[Tensor]:
        """Return the two shared rows of each row."""
        return [bucket(rows, a, b, len(self.weight)) for a, b in self.hashes]

    def own_slots(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return which rows have a row of their own, bool, and which one, int64 (0 for the others)."""
        field = torch.searchsorted(self.field_starts, rows, right=True) - 1
        ids = rows - self.field_starts[field]
        has_own = ids < self.prefixes[field]
        return has_own, (self.own_starts[field] + ids).where(has_own, 0)

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows."""
        shared = super().vectors(rows)
        if not len(self.own):
            return shared
        has_own, slots = self.own_slots(rows)
        return torch.where(has_own.unsqueeze(1), rows_of(self.own, slots), shared)

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from normal values."""
        super().reset(std, generator)
        with torch.no_grad():
            self.own.normal_(0, std, generator=generator)

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start own rows from their targets and shared ones from the least-squares solution for the others."""
        has_own, slots = self.own_slots(torch.arange(self.n_rows))
        given = has_own & (weight > 0)
        with torch.no_grad():
            self.own[slots[given]] = target[given].to(self.own.dtype)
        super().project(target, weight.where(~has_own, 0))


@dataclass(kw_only=True, eq=False)
class DoubleHashing(Compressed):
    """Frequency-aware double hashing.

    Parameters
    ----------
    dim, ratio, budget, small : see `Compressed`.
    own_share : share of the budget, from 0 to 1, for rows that the most frequent values have to themselves.
    combine : whether the two shared rows of a value are added (`sum`) or put side by side (`concat`), half as wide.
    """

    table_class = DoubleHashedTable

    own_share: float = 0.5
    combine: Combine = "sum"

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if not 0 <= self.own_share <= 1:
            raise UsageError(f"embedding.own_share is {self.own_share}; it must be from 0 to 1.")

    def table(self, spec: TableSpec) -> DoubleHashedTable:
        """Return the table with the most rows, `own_share` of them reserved for the most frequent values."""
        hashes = [[spec.draw(PRIME, 1), spec.draw(PRIME)] for _ in range(2)]
        width = columns(self.dim, 2, self.combine)
        field_by_frequency = _fields_by_frequency(spec)

        def plan_at(rows: int) -> dict[str, Any]:
            n_own = min(int(self.own_share * rows), spec.n_rows)
            own = torch.bincount(field_by_frequency[:n_own], minlength=len(spec.fields)).tolist()
            shared = max(1, (rows - n_own) * self.dim // width)
            return {"own": own, "shared": shared, "hashes": hashes, "combine": self.combine}

        def bytes_at(rows: int) -> int:
            plan = plan_at(rows)
            shapes = {
                "own": (torch.float32, (sum(plan["own"]), self.dim)),
                "weight": (torch.float32, (plan["shared"], width)),
            }
            return size_of(DoubleHashedTable, spec.fields, self.dim, spec.centred, plan, shapes)

        rows = largest_within(spec.budget, bytes_at, 1, 2 * spec.n_rows, "rows")
        return DoubleHashedTable(spec.fields, self.dim, **plan_at(rows), centred=spec.centred)


def _fields_by_frequency(spec: TableSpec) -> Tensor:
    """Return the field of each row, as a number, the rows being in descending frequency.

    *Unknown* ids count as the most frequent of their field, since a prefix of the ids holds them in any case. Among
    equally frequent values those come first that do so in their field, in proportion to its size.
    """
    fields, counts, places = [], [], []
    for index, own in enumerate(spec.counts().split([field.vocabulary_size for field in spec.fields])):
        fields.append(torch.full_like(own, index))
        counts.append(torch.cat([own.max().unsqueeze(0), own[1:]]))
        places.append(torch.arange(len(own)) / len(own))
    order = torch.argsort(torch.cat(places), stable=True)
    order = order[torch.argsort(torch.cat(counts)[order], descending=True, stable=True)]
    return torch.cat(fields)[order]
