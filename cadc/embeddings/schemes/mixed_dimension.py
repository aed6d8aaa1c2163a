"""Mixed dimensions (Ginart et al., arXiv 1909.11810): blocks of frequent values get more columns than others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cadc.data.schema import Field
from cadc.embeddings.base.budget import largest_within
from cadc.embeddings.base.scheme import Compressed, TableSpec
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.coding.dtypes import TORCH_DTYPES, Dtype
from cadc.embeddings.coding.rows import rows_of
from cadc.embeddings.fitting.projection import leading_directions
from cadc.embeddings.schemes.rounded import RoundedTable
from cadc.errors import UsageError, require_at_least


class MixedDimensionTable(RoundedTable):
    """Blocks of rows, each a narrow table with a linear projection to `dim` columns; a full-width one has none.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    rows : of each block, one after the other.
    widths : columns of each block.
    dtype : in which the narrow tables are stored; projections stay float32.
    """

    ends: Tensor

    def __init__(
        self,
        fields: Sequence[Field],
        dim: int,
        rows: Sequence[int],
        widths: Sequence[int],
        dtype: Dtype = "float32",
        centred: bool = False,
    ) -> None:
        super().__init__(fields, dim, centred)
        self.rows, self.widths, self.dtype = list(rows), list(widths), dtype
        self._heights = [width if width < dim else 0 for width in widths]
        of_tables = [n * width for n, width in zip(rows, widths, strict=True)]
        ends = torch.tensor(list(rows)).cumsum(0)
        self.register_buffer("ends", ends, persistent=False)
        self.weight = nn.Parameter(torch.zeros(sum(of_tables)))
        self.projection = nn.Parameter(torch.zeros(sum(self._heights), dim))
        self._of_tables = of_tables

    def plan(self) -> dict[str, Any]:
        """Return the rows and columns of the blocks."""
        return {"rows": self.rows, "widths": self.widths, "dtype": self.dtype}

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows."""
        block = torch.bucketize(rows, self.ends, right=True)
        # Sorted by block, each block's rows are looked up and projected at once.
        order = block.argsort(stable=True)
        counts = torch.bincount(block, minlength=len(self.rows)).tolist()
        parts = []
        tables, projections = self.weight.split(self._of_tables), self.projection.split(self._heights)
        for index, mine in enumerate(rows[order].split(counts)):
            if len(mine):
                n, width = self.rows[index], self.widths[index]
                narrow = tables[index].view(n, width)
                found = self.as_served(rows_of(narrow, mine - (self.ends[index] - n)))
                parts.append(found @ projections[index] if width < self.dim else found)
        if not parts:
            return self.weight.new_zeros(0, self.dim)
        return rows_of(torch.cat(parts), order.argsort())

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from normal narrow rows, and orthogonal projections that give each column this standard deviation."""
        with torch.no_grad():
            self.weight.normal_(0, std, generator=generator)
            for projection in self.projection.split(self._heights):
                drawn = torch.empty(self.dim, len(projection)).normal_(generator=generator)
                projection.copy_(torch.linalg.qr(drawn).Q.T * self._scale(len(projection)))

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start each block from its truncated singular value decomposition, the rows weighted."""
        with torch.no_grad():
            parts = zip(
                self.weight.split(self._of_tables),
                self.projection.split(self._heights),
                target.split(self.rows),
                weight.split(self.rows),
                strict=True,
            )
            for (narrow, projection, of_block, mass), width in zip(parts, self.widths, strict=True):
                if not mass.any():
                    continue
                given = of_block
                if width < self.dim:
                    best = leading_directions(of_block, mass, width)
                    given = of_block @ best.T / self._scale(width)
                    projection.copy_(best * self._scale(width))
                table = narrow.view(len(of_block), width)
                table.copy_(given.where(mass.unsqueeze(1) > 0, table))

    def _scale(self, width: int) -> float:
        """Return the length of a projection's rows at which vectors vary per column as their narrow rows do."""
        return float((self.dim / width) ** 0.5) if width else 1.0


@dataclass(kw_only=True, eq=False)
class MixedDimension(Compressed):
    """Mixed dimensions: a block of popularity p gets the whole part of λ·p^α columns, at least 1, at most `dim`.

    The popularity of a block is the mean share that one of its values has in the occurrences of its field: 1 ÷ n of a
    whole field of n values, which so gets λ·n^(-α) columns. λ is the largest that keeps within the budget. Where a
    projection would take more bytes than it saves, a block has full width.

    Parameters
    ----------
    dim, ratio, budget, small : see `Compressed`.
    alpha : α, from 0 (all blocks alike) to 1.
    blocks : into how many blocks of equal occurrences each field is cut, frequent values first.
    powers_of_two : whether the number of columns is rounded to the nearest power of two (of its logarithm).
    dtype : in which the narrow tables are stored; they are trained in float32.
    """

    table_class = MixedDimensionTable

    alpha: float = 0.3
    blocks: int = 1
    powers_of_two: bool = False
    dtype: Dtype = "float16"

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        require_at_least(1, "embedding", blocks=self.blocks)
        if not 0 <= self.alpha <= 1:
            raise UsageError(f"embedding.alpha is {self.alpha}; it must be from 0 to 1.")

    def table(self, spec: TableSpec) -> MixedDimensionTable:
        """Return the table of the largest λ."""
        counts = spec.counts().split([field.vocabulary_size for field in spec.fields])
        rows, popularity = [], []
        for own in counts:
            cut = equal_shares(own, self.blocks)
            mass = torch.stack([part.sum() for part in own.split(cut)]).double().clamp(min=1e-9)
            rows += cut
            popularity += (mass / mass.sum() / torch.tensor(cut)).tolist()
        # Of a block at each λ: 1 column, and another at each of its critical values.
        columns = self._steps()
        critical = torch.tensor(
            [[at / p**self.alpha for at in self._bounds()] for p in popularity], dtype=torch.float64
        )
        lambdas = torch.cat([torch.zeros(1, dtype=critical.dtype), critical.flatten().unique()])

        def widths_at(number: int) -> list[int]:
            passed = (critical <= lambdas[number - 1]).sum(1).tolist()
            return [self._worth(n, columns[index]) for n, index in zip(rows, passed, strict=True)]

        def bytes_at(number: int) -> int:
            widths = widths_at(number)
            plan = {"rows": rows, "widths": widths, "dtype": self.dtype}
            shapes = {
                "weight": (TORCH_DTYPES[self.dtype], (sum(n * w for n, w in zip(rows, widths, strict=True)),)),
                "projection": (torch.float32, (sum(w for w in widths if w < self.dim), self.dim)),
            }
            return size_of(MixedDimensionTable, spec.fields, self.dim, spec.centred, plan, shapes)

        number = largest_within(spec.budget, bytes_at, 1, len(lambdas), "column of each block")
        return MixedDimensionTable(spec.fields, self.dim, rows, widths_at(number), self.dtype, spec.centred)

    def _steps(self) -> list[int]:
        """Return the numbers of columns that a block may have, in ascending order."""
        if not self.powers_of_two:
            return list(range(1, self.dim + 1))
        return [2**power for power in range(self.dim.bit_length()) if 2**power < self.dim] + [self.dim]

    def _bounds(self) -> list[float]:
        """Return from which λ·p^α on a block has each number of columns but the first."""
        steps = self._steps()[1:]
        return [(at if not self.powers_of_two else 2 ** (power + 0.5)) for power, at in enumerate(steps)]

    def _worth(self, n: int, width: int) -> int:
        """Return a width, or the full one where that takes no more bytes."""
        of_number = TORCH_DTYPES[self.dtype].itemsize
        narrow = n * width * of_number + width * self.dim * torch.float32.itemsize
        return self.dim if n * self.dim * of_number <= narrow else width


def equal_shares(counts: Tensor, parts: int) -> list[int]:
    """Return how many rows each part of a field has, such that parts have about equal occurrences; none is empty."""
    n = len(counts)
    share = counts.double().cumsum(0) / counts.sum().clamp(min=1)
    bounds = torch.searchsorted(share, torch.arange(1, parts, dtype=torch.float64) / parts) + 1
    ends = torch.cat([bounds[bounds < n].unique(), torch.tensor([n])])
    return ends.diff(prepend=torch.zeros(1, dtype=torch.int64)).tolist()
