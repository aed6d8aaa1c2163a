"""The uncompressed table: every value has a row of its own."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, embedding_bag

from cadc.data.batch import Bag
from cadc.data.schema import Field
from cadc.errors import require_at_least


class FullTable(nn.Module):
    """The rows of several fields, stacked into one float32 table.

    Parameters
    ----------
    fields : the fields, single-valued and bags.
    dim : columns.
    """

    offsets: Tensor

    def __init__(self, fields: Sequence[Field], dim: int = 16) -> None:
        super().__init__()
        require_at_least(1, "embedding", dim=dim)
        sizes = [field.vocabulary_size for field in fields]
        self.names = [field.name for field in fields]
        self.first_row = dict(zip(self.names, [sum(sizes[:index]) for index in range(len(sizes))], strict=True))
        single = [self.first_row[field.name] for field in fields if not field.bag]
        self.register_buffer("offsets", torch.tensor(single, dtype=torch.int32), persistent=False)
        self.weight = nn.Parameter(torch.zeros(sum(sizes), dim))

    def initialise_from(self, targets: Sequence[Tensor]) -> None:
        """Start from the given tables, one a field in the order of the fields, shape [vocabulary size, dim]."""
        with torch.no_grad():
            self.weight.copy_(torch.cat(list(targets)))

    def forward(self, ids: Tensor) -> Tensor:
        """Look up the single-valued fields: ids [B, F] to vectors [B, F, dim]."""
        rows = ids + self.offsets
        if self.weight.device.type != "cpu":
            return embedding(rows, self.weight)
        # On CPUs the gradient of index_select is several times faster; on GPUs it is not deterministic.
        rows = rows.flatten().long()
        return self.weight.index_select(0, rows).view(*ids.shape, self.weight.shape[1])

    def pooled(self, name: str, bag: Bag) -> Tensor:
        """Return the mean vector of each row's bag, shape [B, dim]; an empty bag gives zeros."""
        return embedding_bag(bag.values + self.first_row[name], self.weight, bag.offsets, mode="mean")

    def reconstruct(self) -> Tensor:
        """Return the rows of all fields one after the other, shape [n, dim]."""
        return self.weight.detach()
