"""Learnable embedding sizes (PEP, Liu et al., arXiv 2101.07577): a learnt threshold says which entries are stored."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from cadc.data.schema import Field
from cadc.embeddings.base.budget import largest_within
from cadc.embeddings.base.scheme import Compressed, TableSpec
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.coding.dtypes import TORCH_DTYPES, Dtype
from cadc.embeddings.coding.ragged import numbers_at, padded, places
from cadc.embeddings.coding.rows import rows_of
from cadc.embeddings.coding.shapes import ANY, require_shapes, shapes_of
from cadc.embeddings.coding.sparse_entries import bitmask_bytes, greatest_within, packed, unpacked
from cadc.embeddings.fitting.projection import copy_known
from cadc.embeddings.schemes.rounded import RoundedTable
from cadc.errors import require_at_least

Granularity = Literal["row_column", "row", "column", "global"]
"""Entries that share a threshold."""


class PrunedTable(RoundedTable):
    """A table that learns in a first training which of its entries matter, and then holds only those.

    In the first training an entry w of threshold s is sign(w)·relu(|w| - sigmoid(s)) (equation 4 of the paper).
    Settled, it keeps those whose |w| - sigmoid(s) is greatest, as many as its file has room for, at their initial
    values. Evaluation and export do so before too, with the values of the moment.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    dtype : in which entries are stored; they are trained in float32.
    budget : bytes of the file; None makes a settled table, of no entries yet.
    granularity : see `Granularity`.
    start : of the thresholds s.
    """

    first: Tensor
    size: Tensor
    columns: Tensor
    initial: Tensor | None
    holds_rows = True

    def __init__(
        self,
        fields: Sequence[Field],
        dim: int,
        dtype: Dtype = "float32",
        budget: int | None = None,
        granularity: Granularity = "row_column",
        start: float = -5.0,
        centred: bool = False,
    ) -> None:
        super().__init__(fields, dim, centred)
        self.dtype, self.budget, self.start = dtype, budget, start
        self.weight: nn.Parameter | None = None
        self.threshold: nn.Parameter | None = None
        self.values: nn.Parameter | None = None
        for name in ("initial", "first", "size", "columns"):
            self.register_buffer(name, None, persistent=False)
        self._found: tuple[tuple[int, ...], Tensor] | None = None
        if budget is None:
            self._hold(torch.zeros(0, dtype=torch.int64), torch.zeros(0))
            return
        self.weight = nn.Parameter(torch.zeros(self.n_rows, dim))
        shape = (self.n_rows if "row" in granularity else 1, dim if "column" in granularity else 1)
        self.threshold = nn.Parameter(torch.full(shape, start))

    def plan(self) -> dict[str, Any]:
        """Return the type of its numbers; all else is in the tensors."""
        return {"dtype": self.dtype}

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows."""
        if self.weight is not None and self.threshold is not None:
            found = rows_of(self.weight, rows)
            if self.training:
                limit = self.threshold if len(self.threshold) == 1 else rows_of(self.threshold, rows)
                return found.sign() * (found.abs() - limit.sigmoid()).relu()
            return self.as_served(found).where(self._is_kept()[rows], 0)
        assert self.values is not None
        owner, _, place = places(self.first[rows], self.size[rows])
        found = self.as_served(numbers_at(self.values, place))
        return padded(found, owner, self.columns[place].long(), len(rows), self.dim)

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from normal values, and all thresholds alike."""
        with torch.no_grad():
            if self.weight is None or self.threshold is None:
                self._values.normal_(0, std, generator=generator)
            else:
                self.weight.normal_(0, std, generator=generator)
                self.threshold.fill_(self.start)
                self.initial = self.weight.detach().clone()

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start from the target itself."""
        with torch.no_grad():
            if self.weight is None:
                entries = self._entries()
                is_given = weight[entries // self.dim] > 0
                self._values.copy_(target.flatten()[entries].where(is_given, self._values))
            else:
                copy_known(self.weight, target, weight)
                self.initial = self.weight.detach().clone()

    def settle(self) -> None:
        """Keep the entries that matter, at their initial values."""
        entries = self._chosen()
        assert self.weight is not None and self.initial is not None
        is_trained = self.weight.requires_grad
        values = self.initial.flatten()[entries]
        self.weight = self.threshold = None
        self.initial = None
        self._hold(entries, values)
        self._values.requires_grad_(is_trained)

    def train(self, mode: bool = True) -> "PrunedTable":
        """Switch between training and evaluation, which chooses the kept entries anew."""
        self._found = None
        return super().train(mode)

    def serving(self) -> dict[str, Tensor]:
        """Return the kept entries: a bit for each row, a mask for each row that has any, and values."""
        if self.weight is None:
            entries, values = self._entries(), self._values.detach()
        else:
            entries = self._chosen()
            values = self.weight.detach().flatten()[entries]
        rows, masks = packed(entries, self.n_rows, self.dim)
        found = {"rows": rows, "masks": masks, "values": self.as_stored(values)}
        return found if self.centre is None else found | {"centre": self.centre.detach()}

    def load_serving(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the kept entries as they were stored; the table is settled then."""
        expected = shapes_of({} if self.centre is None else {"centre": self.centre})
        expected |= dict.fromkeys(("rows", "masks"), (torch.uint8, (ANY,)))
        expected["values"] = (TORCH_DTYPES[self.dtype], (ANY,))
        require_shapes(tensors, expected)
        entries, values = unpacked(tensors["rows"], tensors["masks"], self.n_rows, self.dim), tensors["values"]
        if len(entries) != len(values):
            raise ValueError(f"values are {len(values)}; expected {len(entries)}, as the masks say")
        if self.centre is not None:
            with torch.no_grad():
                self.centre.copy_(tensors["centre"])
        self.weight = self.threshold = None
        self.initial = None
        self._hold(entries, values.float())

    @property
    def _values(self) -> nn.Parameter:
        assert self.values is not None
        return self.values

    def _hold(self, entries: Tensor, values: Tensor) -> None:
        """Settle on some entries (row · dim + column, ascending) of these values."""
        device = self.offsets.device
        rows = entries.to(device) // self.dim
        self.size = torch.bincount(rows, minlength=self.n_rows)
        self.first = self.size.cumsum(0) - self.size
        self.columns = (entries.to(device) % self.dim).short()
        self.values = nn.Parameter(values.to(device))

    def _entries(self) -> Tensor:
        """Return the entries that a settled table holds, as row · dim + column, ascending."""
        rows = torch.repeat_interleave(self.size)
        return rows * self.dim + self.columns.long()

    def _is_kept(self) -> Tensor:
        """Return which entries are kept for now, bool, shape [n_rows, dim], looked for once as the weights are."""
        assert self.weight is not None and self.threshold is not None
        key = (self.weight.data_ptr(), self.weight._version, self.threshold._version)
        if self._found is None or self._found[0] != key:
            kept = torch.zeros(self.n_rows * self.dim, dtype=torch.bool, device=self.weight.device)
            kept[self._chosen()] = True
            self._found = (key, kept.view(self.n_rows, self.dim))
        return self._found[1]

    def _chosen(self) -> Tensor:
        """Return the entries of the greatest |w| - sigmoid(s) that the file has room for, ascending."""
        assert self.weight is not None and self.threshold is not None and self.budget is not None
        margin = self.weight.detach().abs() - self.threshold.detach().sigmoid()

        def bytes_of(n: int, present: int) -> int:
            return pruned_bytes(self.fields, self.dim, self.centred, self.dtype, n, present)

        return greatest_within(self.budget, margin, bytes_of)


@dataclass(kw_only=True, eq=False)
class Pep(Compressed):
    """Learnable embedding sizes.

    Training searches first: how many epochs, `search_epochs` says. The other weights and what is kept of the tables
    are then trained from their initial values. Entries and their masks together take what the budget allows.

    Parameters
    ----------
    dim, ratio, budget, small : see `Compressed`.
    search_epochs : of the first training, at most.
    granularity : whether each entry has a threshold of its own (`row_column`), each row, each column, or all one.
    start : of the thresholds s, in logits: entries below sigmoid(s) are zero at first.
    dtype : in which entries are stored; they are trained in float32.
    """

    table_class = PrunedTable
    needs_statistics = False

    search_epochs: int = 3
    granularity: Granularity = "row_column"
    start: float = -5.0
    dtype: Dtype = "float16"

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        require_at_least(1, "embedding", search_epochs=self.search_epochs)

    def table(self, spec: TableSpec) -> PrunedTable:
        """Return a table that has not settled yet."""

        def bytes_at(n: int) -> int:
            return pruned_bytes(spec.fields, self.dim, spec.centred, self.dtype, n, n)

        largest_within(spec.budget, bytes_at, 1, 1, "entries")
        budget = sys.maxsize if spec.budget is None else spec.budget
        table = PrunedTable(
            spec.fields, self.dim, self.dtype, budget, self.granularity, self.start, centred=spec.centred
        )
        table.search_epochs = self.search_epochs
        return table


def pruned_bytes(fields: Sequence[Field], dim: int, centred: bool, dtype: Dtype, n: int, present: int) -> int:
    """Return the bytes of the file of a table of n entries in so many rows."""
    of_rows, of_masks = bitmask_bytes(sum(field.vocabulary_size for field in fields), dim, present)
    shapes = {
        "rows": (torch.uint8, (of_rows,)),
        "masks": (torch.uint8, (of_masks,)),
        "values": (TORCH_DTYPES[dtype], (n,)),
    }
    return size_of(PrunedTable, fields, dim, centred, {"dtype": dtype}, shapes)
