"""Tensor-train embeddings (TT-Rec: Yin et al., MLSys 2021, arXiv 2101.11714)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod, sqrt
from typing import Any

import torch
from torch import Tensor, nn

from cadc.data.schema import Field
from cadc.embeddings.base.budget import largest_within
from cadc.embeddings.base.scheme import Compressed, TableSpec
from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.coding.rows import rows_of
from cadc.embeddings.fitting.tensor_train_fit import fit_cores

Three = tuple[int, int, int]

MOST_PAIRS = 1 << 16
"""Products of the first two cores up to which all of them are made for a batch, in one matrix multiplication."""


class TensorTrainTable(EmbeddingTable):
    """Row v = (i1, i2, i3) is A[i1]·B[i2]·C[i3], a matrix product of three small cores.

    With n1·n2·n3 ≥ n rows and d1·d2·d3 = d columns, the element of the columns (j1, j2, j3) is
    Σ_a Σ_b A[i1, j1, a]·B[i2, a, j2, b]·C[i3, b, j3].

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    ranks : over how many a and b the sums go.
    """

    # A penalty on cores is none on rows: it draws all three to zero together, where no gradient leads away from.

    def __init__(self, fields: Sequence[Field], dim: int, ranks: Sequence[int], centred: bool = False) -> None:
        super().__init__(fields, dim, centred)
        self.ranks = list(ranks)
        self.row_shape, self.column_shape = row_factors(self.n_rows), column_factors(dim)
        shapes = core_shapes(self.row_shape, self.column_shape, self.ranks)
        self.first, self.second, self.third = (nn.Parameter(torch.zeros(shape)) for shape in shapes.values())

    def plan(self) -> dict[str, Any]:
        """Return the ranks; all else follows from the numbers of rows and columns."""
        return {"ranks": self.ranks}

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows, each row that comes several times multiplied out once."""
        rows, places = rows.unique(return_inverse=True)
        (_, _, n3), (d1, d2, _) = self.row_shape, self.column_shape
        pairs = rows.div(n3, rounding_mode="floor")
        left = self._of_pairs(pairs).view(len(rows), d1 * d2, self.ranks[1])
        found = left.bmm(_slices(self.third, rows - pairs * n3))
        return rows_of(found.view(len(rows), self.dim), places)

    def _of_pairs(self, pairs: Tensor) -> Tensor:
        """Return A[i1]·B[i2] of some i1·n2 + i2, shape [n, d1·d2·r2]."""
        (n1, n2, _), (d1, d2, _), r2 = self.row_shape, self.column_shape, self.ranks[1]
        # What is done depends on the table alone, so that a row has the same bits in every batch.
        if n1 * n2 <= MOST_PAIRS:
            each = self.first.flatten(0, 1) @ self.second.transpose(0, 1).flatten(1)
            every = each.view(n1, d1, n2, d2 * r2).transpose(1, 2).reshape(n1 * n2, -1)
            return rows_of(every, pairs)
        pairs, places = pairs.unique(return_inverse=True)
        i1 = pairs.div(n2, rounding_mode="floor")
        found = _slices(self.first, i1).bmm(_slices(self.second.flatten(2), pairs - i1 * n2))
        return rows_of(found.flatten(1), places)

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from normal values, such that products have the standard deviation of a plain table."""
        own = (std**2 / prod(self.ranks)) ** (1 / 6)
        with torch.no_grad():
            for core in (self.first, self.second, self.third):
                core.normal_(0, own, generator=generator)

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start near the target, by a weighted TT-SVD and alternating least squares; see `fit_cores`."""
        with torch.no_grad():
            fit_cores(target, weight, self.column_shape, self.first, self.second, self.third)


def _slices(core: Tensor, index: Tensor) -> Tensor:
    """Return core[index] of a core of three dimensions."""
    return rows_of(core.flatten(1), index).view(len(index), *core.shape[1:])


@dataclass(kw_only=True, eq=False)
class TensorTrain(Compressed):
    """Tensor-train embeddings of three cores.

    Parameters
    ----------
    dim, ratio, budget, small : see `Compressed`.
    """

    table_class = TensorTrainTable

    def table(self, spec: TableSpec) -> TensorTrainTable:
        """Return the table of the highest ranks."""
        rows, columns = row_factors(spec.n_rows), column_factors(self.dim)

        def bytes_at(sum_of_ranks: int) -> int:
            ranks = ranks_of(sum_of_ranks, rows, columns)
            shapes = {name: (torch.float32, shape) for name, shape in core_shapes(rows, columns, ranks).items()}
            return size_of(TensorTrainTable, spec.fields, self.dim, spec.centred, {"ranks": ranks}, shapes)

        most = rows[0] * columns[0] + rows[2] * columns[2]
        found = largest_within(spec.budget, bytes_at, 2, most, "ranks")
        return TensorTrainTable(spec.fields, self.dim, ranks_of(found, rows, columns), spec.centred)


def core_shapes(rows: Three, columns: Three, ranks: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the cores A, B and C by name."""
    return {
        "first": (rows[0], columns[0], ranks[0]),
        "second": (rows[1], ranks[0], columns[1], ranks[1]),
        "third": (rows[2], ranks[1], columns[2]),
    }


def ranks_of(total: int, rows: Three, columns: Three) -> list[int]:
    """Return two ranks of some sum, as equal as the sizes of the cores beside them allow; higher ones add nothing."""
    most_first, most_second = rows[0] * columns[0], rows[2] * columns[2]
    first = max(total - most_second, min((total + 1) // 2, most_first))
    second = total - first
    inner = rows[1] * columns[1]
    return [min(first, second * inner), min(second, first * inner)]


def row_factors(n: int) -> Three:
    """Return n1, n2 and n3 near ∛n whose product is at least n; n2 is the smallest, since B has two ranks.

    >>> row_factors(1000), row_factors(2600)
    ((10, 10, 10), (15, 13, 14))
    """
    second = int(n ** (1 / 3) + 1e-9)
    first = ceil(sqrt(n / second))
    return first, second, ceil(n / (first * second))


def column_factors(d: int) -> Three:
    """Return d1, d2 and d3 of the product d that are nearest to one another; d2 is the smallest and d3 the largest.

    >>> column_factors(16), column_factors(64), column_factors(7)
    ((2, 2, 4), (4, 4, 4), (1, 1, 7))
    """
    triples = [
        (a, b, d // (a * b)) for a in range(1, d + 1) if d % a == 0 for b in range(1, d // a + 1) if d // a % b == 0
    ]
    second, first, third = sorted(min(triples, key=lambda triple: (sum(triple), triple)))
    return first, second, third
