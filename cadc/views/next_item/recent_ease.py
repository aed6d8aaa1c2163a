"""EASE applied to what a user took lately (Steck, WWW 2019)."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from cadc.errors import require_at_least, require_positive
from cadc.views.evidence import Evidence
from cadc.views.items.ease import largest_weights
from cadc.views.items.ease_weights import ease_weights
from cadc.views.items.packed_weights import pack_weights, unpack_weights
from cadc.views.next_item.decayed import decayed, require_decay
from cadc.views.view import RowsToScore, View


class RecentEASE(View):
    """The sum of an item's weights from the items of the user's history, each of which counts less the older it is.

    Weights are those of EASE on the 0/1 matrix of users and items, a 1 for each pair with label 1. They know no order;
    the decay of the history brings it in.

    Parameters
    ----------
    l2 : penalty on squared weights.
    decay : factor by which an item of the history counts less for each item after it.
    top_k : weights towards each item that are kept, the largest.
    most_items : items that are weighed, those with the most rows; the time grows with its cube, the memory with its
        square. Others score 0.

    Raises
    ------
    UsageError : for options outside their range.
    """

    can_rank: ClassVar[bool] = True

    def __init__(self, l2: float = 200.0, decay: float = 0.9, top_k: int = 300, most_items: int = 4000) -> None:
        require_positive("views.recent_ease", l2=l2)
        require_decay("views.recent_ease", decay)
        require_at_least(1, "views.recent_ease", top_k=top_k, most_items=most_items)
        self.l2, self.decay, self.top_k, self.most_items = l2, decay, top_k, most_items

    def history_columns(self, fitted: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Return the label."""
        return ("label",)

    def fit(self, evidence: Evidence) -> dict[str, Tensor]:
        """Return the largest weights towards each item."""
        taken = evidence.matrix(evidence.labels)
        taken.eliminate_zeros()
        taken.data[:] = 1.0
        counts = taken.count_nonzero(axis=0)
        by_count = np.argsort(-counts, kind="stable")[: self.most_items]
        weighed = torch.from_numpy(np.sort(by_count[counts[by_count] > 0]))
        weights = ease_weights(taken[:, weighed.numpy()], self.l2)
        return pack_weights(largest_weights(weights, weighed, self.top_k, evidence.n_items))

    def numbers(self, fitted: Mapping[str, Tensor], rows: RowsToScore) -> Tensor:
        """Return the score of each row, float32, shape [B, 1]."""
        weights = unpack_weights(fitted)
        histories = decayed(rows.histories, weights.n_items, self.decay)
        return weights.pair_sums(histories, rows.histories.of, rows.items).unsqueeze(1)

    def item_numbers(self, fitted: Mapping[str, Tensor], users: RowsToScore, items: Tensor) -> Tensor:
        """Return the scores of all pairs of b users and n items, float32, shape [b, n, 1]."""
        weights = unpack_weights(fitted)
        histories = decayed(users.histories, weights.n_items, self.decay)
        return weights.item_sums(histories)[users.histories.of[:, None], items].unsqueeze(2)
