"""Weights between items, applied to users' histories: sums for pairs of a history and an item, or for all items."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn.functional import embedding_bag

CELLS = 1 << 22
"""Numbers that are held at once: histories with a place for each item, or terms of the sums."""


@dataclass(frozen=True)
class SparseItemWeights:
    """The weights towards each item from some others.

    Parameters
    ----------
    first : where the weights towards each item begin in the others, int32 or int64, shape [n_items + 1].
    sources : the item that each weight comes from, uint16 or int32, shape [n].
    values : of any real dtype, shape [n].

    Examples
    --------
    The second item is weighed by 2 for whoever has the first:

    >>> weights = SparseItemWeights.of(csr_array([[0, 0], [2.0, 0]]))
    >>> histories = csr_array([[0.5, 1.0]], dtype="float32")
    >>> weights.pair_sums(histories, of=torch.tensor([0, 0]), items=torch.tensor([0, 1])).tolist()
    [0.0, 1.0]
    >>> weights.item_sums(histories).tolist()
    [[0.0, 1.0]]
    """

    first: Tensor
    sources: Tensor
    values: Tensor

    @classmethod
    def of(cls, weights: csr_array) -> "SparseItemWeights":
        """Return the weights of a matrix with a row for each item that is weighed, shape [n_items, n_items]."""
        small = np.uint16 if weights.shape[1] <= 1 << 16 else np.int32
        return cls(
            torch.from_numpy(weights.indptr),
            torch.from_numpy(weights.indices.astype(small)),
            torch.from_numpy(weights.data.astype(np.float32)),
        )

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.first) - 1

    def absolute(self) -> "SparseItemWeights":
        """Return the absolute values of the weights."""
        return SparseItemWeights(self.first, self.sources, self.values.float().abs())

    def pair_sums(self, histories: csr_array, of: Tensor, items: Tensor) -> Tensor:
        """Return for each row the sum over its history of weight towards its item times value in the history.

        Histories are laid out with a place for each item, a block of them at a time, so that the time grows with the
        weights towards the rows' items, not with the length of their histories.

        Parameters
        ----------
        histories : a row for each history, float32, shape [U, n_items]; values of repeated items are summed.
        of : the history of each row, int64, shape [B].
        items : the item of each row, int64, shape [B].

        Returns
        -------
        float32, shape [B].
        """
        found = torch.zeros(len(of))
        order = of.argsort(stable=True)
        ascending = of[order].contiguous()
        n_items = self.n_items
        size = max(1, CELLS // n_items)
        places = torch.zeros(min(size, histories.shape[0]) * n_items, 1)
        for start in range(0, histories.shape[0], size):
            low, high = torch.searchsorted(ascending, torch.tensor([start, start + size])).tolist()
            if low == high:
                continue
            part = histories[start : start + size]
            begin = np.repeat(np.arange(part.shape[0], dtype=np.int64) * n_items, np.diff(part.indptr))
            filled = torch.from_numpy(begin + part.indices)
            places[:, 0].index_add_(0, filled, torch.from_numpy(part.data))
            rows = order[low:high]
            found[rows] = self._sums(places, ((of[rows] - start) * n_items).int(), items[rows])
            places[:, 0].index_fill_(0, filled, 0.0)
        return found

    def _sums(self, places: Tensor, begin: Tensor, items: Tensor) -> Tensor:
        """Return the sums of some rows.

        Parameters
        ----------
        places : values of a block of histories, float32, shape [p, 1].
        begin : place of the first item in the history of each row, int32, shape [m].
        items : the item of each row, int64, shape [m].
        """
        lengths = self.first[items + 1] - self.first[items]
        longest = int(lengths.max())
        if not longest:
            return torch.zeros(len(items))
        found = torch.empty(len(items))
        size = max(1, CELLS // longest)
        for start in range(0, len(items), size):
            # Weights are padded once for all rows of the same item.
            different, row_of = items[start : start + size].unique(return_inverse=True)
            first, last = self.first[different].long(), self.first[different + 1].long()
            place = first[:, None] + torch.arange(longest)
            there = place < last[:, None]
            place = torch.where(there, place, 0)
            sources = self.sources[place].int()
            values = torch.where(there, self.values[place].float(), 0.0)
            bags = sources[row_of].add_(begin[start : start + size, None])
            found[start : start + size] = embedding_bag(bags, places, mode="sum", per_sample_weights=values[row_of])[
                :, 0
            ]
        return found

    def item_sums(self, histories: csr_array) -> Tensor:
        """Return the sums of each history for all items, float32, shape [U, n_items]; see `pair_sums`."""
        values = self.values.float().numpy()
        matrix = csr_array((values, self.sources.int().numpy(), self.first.numpy()), shape=(self.n_items, self.n_items))
        return torch.from_numpy((histories @ matrix.T.tocsr()).toarray())
