"""Transitions: which items users take soon after which others."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from cadc.errors import require_at_least
from cadc.views.evidence import Evidence
from cadc.views.histories import KnownRows
from cadc.views.items.item_weights import SparseItemWeights
from cadc.views.next_item.decayed import decayed, require_decay
from cadc.views.view import RowsToScore, View

TINY = 1e-12
"""In place of a sum of no terms, which divides 0."""


class Transitions(View):
    """How likely a user takes an item next, by what others took after the items of the user's history.

    It is a first-order Markov chain whose counts skip up to `window` - 1 items (Rendle et al., WWW 2010, has chains
    with factors). T_ij is the sum of 1 / distance over all rows in which a user took j within `window` items after i,
    divided by the sum of all rows of i plus `shrinkage`. What this leaves of a probability goes to all items by how
    often they were taken. With p_j the mean of T_ij over the items i of the history, each weighed by `decay` to the
    power of the number of items after it, the number is log(1 + n p_j) for n items: 0 for an item that is never taken.

    Only rows with label 1 count, in order of time, or of the log where there are no times. T is sparse: it has at most
    `window` numbers for each row.

    Parameters
    ----------
    window : items after an item that count as its successors.
    decay : factor by which an item of the history counts less for each item after it.
    shrinkage : added to the sum of the successors of an item.

    Raises
    ------
    UsageError : for options outside their range.
    """

    can_rank: ClassVar[bool] = True

    def __init__(self, window: int = 8, decay: float = 0.7, shrinkage: float = 10.0) -> None:
        require_at_least(1, "views.transitions", window=window)
        require_at_least(0, "views.transitions", shrinkage=shrinkage)
        require_decay("views.transitions", decay)
        self.window, self.decay, self.shrinkage = window, decay, shrinkage

    def history_columns(self, fitted: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Return the label."""
        return ("label",)

    def fit(self, evidence: Evidence) -> dict[str, Tensor]:
        """Return T as `first`, `sources` and `values` of `SparseItemWeights`, and two numbers of each item.

        `left` is what the item's row of T leaves of 1; `share` is the share of the item in all rows.
        """
        taken = KnownRows.of_rows(evidence.log, evidence.rows[evidence.labels > 0]).arrays
        counts = successors(taken["first"].numpy(), taken["items"].numpy(), evidence.n_items, self.window)
        sums = counts.sum(axis=1)
        whole = np.maximum(sums + self.shrinkage, TINY)
        counts.data /= np.repeat(whole, np.diff(counts.indptr)).astype(np.float32)
        weights = SparseItemWeights.of(counts.T.tocsr())
        occurrences = torch.bincount(taken["items"], minlength=evidence.n_items).float()
        return {
            "first": weights.first,
            "sources": weights.sources,
            "values": weights.values.half(),
            "left": torch.from_numpy(1 - sums / whole).float(),
            "share": occurrences / occurrences.sum().clamp(min=1),
        }

    def numbers(self, fitted: Mapping[str, Tensor], rows: RowsToScore) -> Tensor:
        """Return the number of each row, float32, shape [B, 1]."""
        (histories, left), of = self._histories(fitted, rows), rows.histories.of
        found = _weights(fitted).pair_sums(histories, of, rows.items)
        return _number(found + left[of] * fitted["share"][rows.items], fitted).unsqueeze(1)

    def item_numbers(self, fitted: Mapping[str, Tensor], users: RowsToScore, items: Tensor) -> Tensor:
        """Return the numbers of all pairs of b users and n items, float32, shape [b, n, 1]."""
        (histories, left), of = self._histories(fitted, users), users.histories.of
        found = _weights(fitted).item_sums(histories) + left[:, None] * fitted["share"]
        return _number(found[of[:, None], items], fitted).unsqueeze(2)

    def _histories(self, fitted: Mapping[str, Tensor], rows: RowsToScore) -> tuple[csr_array, Tensor]:
        """Return histories whose weights sum to 1, shape [U, n_items], and what they leave to the shares, shape [U]."""
        found = decayed(rows.histories, len(fitted["left"]), self.decay)
        sums = found.sum(axis=1)
        found.data /= np.repeat(np.maximum(sums, TINY), np.diff(found.indptr)).astype(np.float32)
        left = np.where(sums > 0, found @ fitted["left"].numpy(), 1.0)
        return found, torch.from_numpy(left).float()


def _weights(fitted: Mapping[str, Tensor]) -> SparseItemWeights:
    return SparseItemWeights(fitted["first"], fitted["sources"], fitted["values"])


def _number(probabilities: Tensor, fitted: Mapping[str, Tensor]) -> Tensor:
    return (probabilities * len(fitted["left"])).log1p()


def successors(first: NDArray[np.int64], items: NDArray[np.int32], n_items: int, window: int) -> csr_array:
    """Return how often each item came after each other one in the same history, by 1 / distance.

    Parameters
    ----------
    first : where each history begins, shape [U + 1].
    items : of one history after the other, in order of time, shape [V].
    n_items : size of the vocabulary.
    window : largest distance that counts.

    Returns
    -------
    float32, shape [n_items, n_items]: row i holds the successors of item i.

    Examples
    --------
    >>> successors(np.array([0, 3]), np.array([0, 2, 1]), n_items=3, window=2).toarray().tolist()
    [[0.0, 0.5, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    owners = np.repeat(np.arange(len(first) - 1), np.diff(first))
    found = csr_array((n_items, n_items), dtype=np.float32)
    longest = int(np.diff(first).max(initial=0))
    for distance in range(1, min(window + 1, longest)):
        same = owners[distance:] == owners[:-distance]
        pairs = items[:-distance][same], items[distance:][same]
        found += csr_array((np.full(same.sum(), 1 / distance, np.float32), pairs), shape=found.shape)
    return found
