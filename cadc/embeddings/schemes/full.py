"""The uncompressed table: every value has a row of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from cadc.data.batch import Bag
from cadc.data.schema import Field
from cadc.embeddings.base.scheme import Scheme, TableSpec
from cadc.embeddings.coding.dtypes import Dtype
from cadc.embeddings.coding.look_up import looked_up
from cadc.embeddings.coding.rows import means_of_rows, rows_of
from cadc.embeddings.fitting.projection import copy_known
from cadc.embeddings.schemes.rounded import RoundedTable


class UncompressedTable(RoundedTable):
    """The rows of several fields, stacked into one table that is trained in float32.

    Parameters
    ----------
    fields : the fields, single-valued and bags.
    dim : columns.
    dtype : in which it is stored and, in evaluation, looked up.
    centred : see `EmbeddingTable`.
    n_kept : rows that this process keeps, where others keep the rest; None keeps all.
    """

    holds_rows = True

    def __init__(
        self,
        fields: Sequence[Field],
        dim: int = 16,
        dtype: Dtype = "float32",
        centred: bool = False,
        n_kept: int | None = None,
    ) -> None:
        super().__init__(fields, dim, centred)
        self.dtype = dtype
        self.sparse_gradient = False
        """Whether the gradient holds the rows that were looked up alone, as `LazyAdam` takes it."""
        self.weight = nn.Parameter(torch.zeros(self.n_rows if n_kept is None else n_kept, dim))

    def plan(self) -> dict[str, Any]:
        """Return the type of its numbers."""
        return {"dtype": self.dtype}

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from normal values."""
        with torch.no_grad():
            self.weight.normal_(0, std, generator=generator)

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start from the target itself."""
        copy_known(self.weight, target, weight)

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows."""
        if self.sparse_gradient and self.training:
            return embedding(rows, self.weight, sparse=True)
        return self.as_served(rows_of(self.weight, rows))

    def of_batch(self, ids: Tensor, bags: Mapping[str, Bag], fold: Tensor | None = None) -> Tensor:
        """Look up all fields, shape [B, F, dim], with one gradient for all."""
        # On GPUs the sums of a dense gradient would depend on chance.
        is_summed_safely = self.sparse_gradient or ids.device.type == "cpu"
        own = type(self)
        is_plain = own.forward is UncompressedTable.forward and own.pooled is UncompressedTable.pooled
        is_at_once = self.training and is_summed_safely and self._is_exact and is_plain
        if not is_at_once or self.centred or fold is not None:
            return super().of_batch(ids, bags, fold)
        self.require_known(ids)
        rows = []
        for name, bag in bags.items():
            self.require_known(bag.values.unsqueeze(1), [self.names.index(name)])
            rows.append(Bag(bag.values + self.first_row[name], bag.offsets))
        return looked_up(self.weight, ids + self.offsets, rows, sparse=self.sparse_gradient)

    def pooled(self, name: str, bag: Bag, fold: Tensor | None = None) -> Tensor:
        """Return the mean vector of each row's bag, shape [B, dim]; an empty bag gives zeros."""
        if not self._is_exact or self.centred:
            return super().pooled(name, bag)
        self.require_known(bag.values.unsqueeze(1), [self.names.index(name)])
        return means_of_rows(self.weight, bag.values + self.first_row[name], bag.offsets)

    @property
    def _is_exact(self) -> bool:
        """Whether vectors are the trained rows as they are; a derived class may make something else of them."""
        return type(self).vectors is UncompressedTable.vectors and (self.training or self.dtype == "float32")


@dataclass(kw_only=True, eq=False)
class Full(Scheme):
    """Every value has a row of its own.

    Parameters
    ----------
    dim : columns.
    dtype : in which the table is stored; it is trained in float32.
    """

    table_class = UncompressedTable
    needs_statistics = False

    dtype: Dtype = "float32"

    @property
    def is_compressing(self) -> bool:  # type: ignore[override]
        """Whether the table is stored in fewer bytes than float32 takes."""
        return self.dtype != "float32"

    def table(self, spec: TableSpec) -> UncompressedTable:
        """Return a table of zeros."""
        if self.ranks is not None:
            from cadc.embeddings.sharded.table import ShardedTable  # which derives from that of this file

            return ShardedTable(spec.fields, self.dim, self.ranks)
        return UncompressedTable(spec.fields, self.dim, self.dtype)
