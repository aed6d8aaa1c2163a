"""Tables whose vectors are made of rows that others share: sums of some rows, or rows put side by side."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from cadc.data.schema import Field
from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.coding.rows import rows_of
from cadc.embeddings.fitting.projection_of_parts import fit_joined, fit_sums

Combine = Literal["sum", "concat"]


class SharedRowsTable(EmbeddingTable):
    """Each row takes one row of `weight` for each of its parts and adds them up, or puts them side by side.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    n_shared : rows that are shared.
    n_parts : rows of these that make up a vector.
    combine : `sum`, or `concat`, with which shared rows have but dim ÷ n_parts columns, rounded up; what is over is cut
        off.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        dim: int,
        n_shared: int,
        n_parts: int,
        combine: Combine = "sum",
        centred: bool = False,
    ) -> None:
        super().__init__(fields, dim, centred)
        self.n_parts, self.combine = n_parts, combine
        self.weight = nn.Parameter(torch.zeros(n_shared, columns(dim, n_parts, combine)))

    @abstractmethod
    def slots(self, rows: Tensor) -> list[Tensor]:
        """Return for each part the shared row of each row (int64, shape [n]), int64, shape [n]."""

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows."""
        parts = [rows_of(self.weight, slots) for slots in self.slots(rows)]
        if self.combine == "concat":
            return torch.cat(parts, 1)[:, : self.dim]
        # Not one sum over a dimension, whose order of additions may depend on how many rows there are.
        found = parts[0]
        for part in parts[1:]:
            found = found + part
        return found

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from normal values, so small that sums have this standard deviation."""
        with torch.no_grad():
            self.weight.normal_(0, std / self.n_parts**0.5 if self.combine == "sum" else std, generator=generator)

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start from the least-squares solution."""
        fit = fit_joined if self.combine == "concat" else fit_sums
        with torch.no_grad():
            self.weight.copy_(fit(self.slots, target, weight, self.weight))


def columns(dim: int, n_parts: int, combine: str) -> int:
    """Return how many columns shared rows have."""
    return -(-dim // n_parts) if combine == "concat" else dim
