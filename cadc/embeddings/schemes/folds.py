"""Frozen tables of cross-fitting: a training row looks up the table that was fitted without it."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from cadc.data.bags import spread_to_values
from cadc.data.batch import Bag
from cadc.data.schema import Field
from cadc.embeddings.schemes.full import UncompressedTable


class FoldTables(UncompressedTable):
    """A table for each fold, in one basis, of several fields; rows of no fold look up their mean.

    The mean alone is saved: it is what serves.

    Parameters
    ----------
    fields : the fields, single-valued and bags.
    targets : of each field, shape [K, vocabulary size, dim].
    """

    by_fold: Tensor

    served_by = UncompressedTable

    def __init__(self, fields: Sequence[Field], targets: Sequence[Tensor]) -> None:
        super().__init__(fields, targets[0].shape[-1])
        stacked = torch.cat(list(targets), 1)
        self.n_folds = len(stacked)
        with torch.no_grad():
            self.weight.copy_(stacked.mean(0))
        self.register_buffer("by_fold", stacked.flatten(0, 1), persistent=False)

    def forward(self, ids: Tensor, fold: Tensor | None = None) -> Tensor:
        """Look up single-valued fields, ids [B, F], each row in the table of its fold [B], shape [B, F, dim]."""
        if fold is None:
            return super().forward(ids)
        rows = ids + self.offsets + fold.unsqueeze(1) * len(self.weight)
        return self.by_fold.index_select(0, rows.flatten()).view(*ids.shape, -1)

    def pooled(self, name: str, bag: Bag, fold: Tensor | None = None) -> Tensor:
        """Return the mean vector of each row's bag in the table of its fold, shape [B, dim]."""
        if fold is None:
            return super().pooled(name, bag)
        values = bag.values + spread_to_values(fold * len(self.weight), bag) + self.first_row[name]
        return embedding_bag(values, self.by_fold, bag.offsets.to(values.dtype), mode="mean")
