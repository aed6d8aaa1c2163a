"""Rows of different lengths: frequent values have more columns than rare ones, and what a row lacks is zero."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from cadc.data.schema import Field
from cadc.embeddings.base.budget import largest_within
from cadc.embeddings.base.scheme import Compressed, TableSpec
from cadc.embeddings.base.statistics import NOTHING_KNOWN, Statistics
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.coding.dtypes import TORCH_DTYPES, Dtype
from cadc.embeddings.coding.ragged import numbers_at, padded, places
from cadc.embeddings.coding.rows import CHUNK
from cadc.embeddings.fitting.rotation import rotated
from cadc.embeddings.fitting.row_sizes import power_law_sizes, rows_of_sizes
from cadc.embeddings.schemes.rounded import RoundedTable
from cadc.errors import require_at_least

Policy = Literal["equal", "frequency", "random"]
"""What the size of a row depends on."""


class RaggedTable(RoundedTable):
    """One flat vector of numbers, of which each row has the next few: a prefix of its vector.

    Within a field sizes never grow, so that they are known from the number of rows of each size.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    numbers : length of the flat vector.
    first_columns : of each field, the columns that come first in its rows; the others follow in their order.
    shuffle : seed by which the places of a field are dealt to its rows; None where they go by id.
    dtype : in which the numbers are stored.
    """

    runs: Tensor
    orders: Tensor | None
    dealt: Tensor | None
    run_rows: Tensor
    run_sizes: Tensor
    run_places: Tensor
    holds_rows = True

    def __init__(
        self,
        fields: Sequence[Field],
        dim: int,
        numbers: int,
        first_columns: Sequence[Sequence[int]] = (),
        shuffle: int | None = None,
        dtype: Dtype = "float32",
        centred: bool = False,
    ) -> None:
        super().__init__(fields, dim, centred)
        self.numbers, self.dtype, self.shuffle = numbers, dtype, shuffle
        self.first_columns = [list(columns) for columns in first_columns]
        self.weight = nn.Parameter(torch.zeros(numbers))
        self.register_buffer("runs", torch.zeros(len(self.fields), dim + 1, dtype=torch.int32))
        orders = [own + [column for column in range(dim) if column not in own] for own in self.first_columns]
        self.register_buffer("orders", torch.tensor(orders) if any(self.first_columns) else None, persistent=False)
        sizes = [field.vocabulary_size for field in fields]
        self.register_buffer("dealt", None if shuffle is None else _dealt(sizes, shuffle), persistent=False)
        self._index()

    def plan(self) -> dict[str, Any]:
        """Return how many numbers there are and how they are laid out."""
        return ragged_plan(self.numbers, self.first_columns, self.shuffle, self.dtype)

    def set_runs(self, runs: Tensor) -> None:
        """Set how many rows of each field have the sizes `dim`, `dim` - 1, … 0, shape [F, dim + 1].

        Raises
        ------
        ValueError : where they do not add up to the rows and numbers of this table.
        """
        sizes = torch.arange(self.dim, -1, -1)
        rows, of_fields = runs.long().cpu(), [field.vocabulary_size for field in self.fields]
        if rows.shape != self.runs.shape or (rows < 0).any() or rows.sum(1).tolist() != of_fields:
            raise ValueError("runs are not those of the rows of its fields")
        if int((rows * sizes).sum()) != self.numbers:
            raise ValueError(f"runs are of {int((rows * sizes).sum())} numbers; expected {self.numbers}")
        self.runs.copy_(runs)
        self._index()

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows."""
        owner, column, place = self._places(rows)
        found = self.as_served(numbers_at(self.weight, place))
        return padded(found, owner, column, len(rows), self.dim)

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from normal values."""
        with torch.no_grad():
            self.weight.normal_(0, std, generator=generator)

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start from the prefixes of the target, which nothing else with these zeros comes closer to."""
        with torch.no_grad():
            for rows in (weight > 0).nonzero().squeeze(1).split(CHUNK):
                owner, column, place = self._places(rows)
                self.weight[place] = target[rows[owner], column]

    def load_serving(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the numbers as they were stored, and whose they are."""
        super().load_serving(tensors)
        self.set_runs(self.runs)

    def _places(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return of each number of some rows the row (0 … n - 1), its column and its place."""
        position = rows if self.dealt is None else self.dealt[rows]
        run = torch.bucketize(position, self.run_rows, right=True) - 1
        size = self.run_sizes[run]
        first = self.run_places[run] + (position - self.run_rows[run]) * size
        owner, within, place = places(first, size)
        if self.orders is None:
            return owner, within, place
        return owner, self.orders[(run // (self.dim + 1))[owner], within], place

    def _index(self) -> None:
        """Note for each run of rows of one size its first row, its size and the place of its first number."""
        rows = self.runs.flatten().long()
        sizes = torch.arange(self.dim, -1, -1, device=rows.device).repeat(len(self.fields))
        self.register_buffer("run_rows", rows.cumsum(0) - rows, persistent=False)
        self.register_buffer("run_sizes", sizes, persistent=False)
        self.register_buffer("run_places", (rows * sizes).cumsum(0) - rows * sizes, persistent=False)


@dataclass(kw_only=True, eq=False)
class RowDimension(Compressed):
    """Each row has a length of its own.

    The sizes of the rows add up to exactly what the budget allows. Enriched vectors are turned together beforehand
    (see `rotated`), so that a prefix is the best approximation of so many columns. Columns of theirs that are no
    vectors, such as biases, are kept whatever the size.

    Parameters
    ----------
    dim, ratio, budget, small : see `Compressed`.
    policy : `frequency`: a value that occurs c times has about λ·c^α columns; `equal`: all rows alike; `random`: the
        sizes of `frequency`, dealt to the rows of each field at random (a control).
    alpha : α, not negative.
    dtype : in which the numbers are stored; they are trained in float32.
    """

    table_class = RaggedTable

    policy: Policy = "frequency"
    alpha: float = 0.5
    dtype: Dtype = "float16"

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        require_at_least(0, "embedding", alpha=self.alpha)

    def table(self, spec: TableSpec) -> RaggedTable:
        """Return the table with the most numbers."""
        of_fields = [field.vocabulary_size for field in spec.fields]
        kept = [[column % self.dim for column in spec.kept.get(field.name, ())] for field in spec.fields]
        first_columns = kept if any(kept) else []
        shuffle = spec.draw(2**31) if self.policy == "random" else None

        def bytes_at(numbers: int) -> int:
            plan = ragged_plan(numbers, first_columns, shuffle, self.dtype)
            shapes = {
                "weight": (TORCH_DTYPES[self.dtype], (numbers,)),
                "runs": (torch.int32, (len(of_fields), self.dim + 1)),
            }
            return size_of(RaggedTable, spec.fields, self.dim, spec.centred, plan, shapes)

        least = sum(len(own) * n for own, n in zip(kept, of_fields, strict=True))
        numbers = largest_within(spec.budget, bytes_at, max(least, 1), spec.n_rows * self.dim, "numbers")
        alpha = 0.0 if self.policy == "equal" else self.alpha
        sizes = power_law_sizes(spec.counts(), of_fields, alpha, [len(own) for own in kept], self.dim, numbers)
        table = RaggedTable(spec.fields, self.dim, numbers, first_columns, shuffle, self.dtype, spec.centred)
        table.set_runs(rows_of_sizes(sizes, of_fields, self.dim))
        return table

    def arranged(
        self,
        targets: Mapping[str, Tensor | None],
        enriched: Collection[str],
        extra_columns: int = 0,
        statistics: Statistics = NOTHING_KNOWN,
    ) -> dict[str, Tensor | None]:
        """Return the targets with the enriched ones turned together; tables of folds stay as they are."""
        given = {name: target for name, target in targets.items() if name in enriched and target is not None}
        if not given or any(target.ndim != 2 for target in given.values()):
            return dict(targets)
        ones = {name: torch.ones(len(target)) for name, target in given.items()}
        weights = {name: statistics.counts[name] + 1 if name in statistics.counts else ones[name] for name in given}
        return dict(targets) | rotated(given, weights, extra_columns)


def ragged_plan(
    numbers: int, first_columns: Sequence[Sequence[int]], shuffle: int | None, dtype: Dtype
) -> dict[str, Any]:
    """Return the plan of a table, without what is as by default."""
    plan: dict[str, Any] = {"numbers": numbers, "dtype": dtype}
    if first_columns:
        plan["first_columns"] = [list(columns) for columns in first_columns]
    return plan if shuffle is None else plan | {"shuffle": shuffle}


def _dealt(sizes: Sequence[int], seed: int) -> Tensor:
    """Return the position of each row, those of a field being a random order of its rows, int64, shape [n]."""
    # Raw bits, as numpy promises to give the same ones in all versions.
    keys = torch.from_numpy((np.random.PCG64(seed).random_raw(sum(sizes)) >> np.uint64(1)).astype(np.int64))
    firsts = [sum(sizes[:index]) for index in range(len(sizes))]
    parts = keys.split(list(sizes))
    return torch.cat([first + own.argsort(stable=True).argsort() for first, own in zip(firsts, parts, strict=True)])
