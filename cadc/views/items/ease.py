"""EASE as a view: what a user held of all other items, weighed in closed form (Steck, WWW 2019, on residuals)."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array
from torch import Tensor

from cadc.errors import require_at_least, require_positive
from cadc.views.evidence import Evidence
from cadc.views.items.ease_weights import ease_weights
from cadc.views.items.largest_by_column import largest_by_column
from cadc.views.items.packed_weights import pack_weights, unpack_weights
from cadc.views.items.residuals import Choice, column_read, fit_residuals, history_residuals, require_choice
from cadc.views.view import RowsToScore, View


class EASEView(View):
    """The sum of a user's residuals of other items, weighed as a ridge regression of the item on all others does.

    Parameters
    ----------
    of : what residuals are of: `rating`, `label`, or `auto` for ratings where the log has them.
    l2 : penalty on squared weights, in units of the residuals' variance.
    top_k : weights towards each item that are kept, the largest.
    most_items : items that are weighed, those with the most rows; the time grows with its cube, the memory with its
        square. Others have too few rows to have weights that matter, and score 0.

    Raises
    ------
    UsageError : for options outside their range.
    """

    can_rank: ClassVar[bool] = True

    def __init__(self, of: Choice = "auto", l2: float = 1250.0, top_k: int = 100, most_items: int = 4000) -> None:
        require_choice(of, "views.ease.of")
        require_positive("views.ease", l2=l2)
        require_at_least(1, "views.ease", top_k=top_k, most_items=most_items)
        self.of, self.l2, self.top_k, self.most_items = of, l2, top_k, most_items

    def history_columns(self, fitted: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Return what residuals are of."""
        return (column_read(fitted),)

    def fit(self, evidence: Evidence) -> dict[str, Tensor]:
        """Return the largest weights towards each item, and what residuals take."""
        residuals, arrays = fit_residuals(evidence, self.of)
        by_count = evidence.item_counts.argsort(descending=True, stable=True)[: self.most_items]
        weighed = by_count[evidence.item_counts[by_count] > 0].sort().values
        variance = float(np.square(residuals.data).mean()) if residuals.nnz else 0.0
        weights = ease_weights(residuals[:, weighed.numpy()], self.l2 * (variance or 1.0))
        return arrays | pack_weights(largest_weights(weights, weighed, self.top_k, evidence.n_items))

    def numbers(self, fitted: Mapping[str, Tensor], rows: RowsToScore) -> Tensor:
        """Return the score of each row, float32, shape [B, 1]."""
        weights, histories = unpack_weights(fitted), rows.histories
        values = histories.matrix(history_residuals(fitted, histories), weights.n_items)
        return weights.pair_sums(values, histories.of, rows.items).unsqueeze(1)

    def item_numbers(self, fitted: Mapping[str, Tensor], users: RowsToScore, items: Tensor) -> Tensor:
        """Return the scores of all pairs of b users and n items, float32, shape [b, n, 1]."""
        weights, histories = unpack_weights(fitted), users.histories
        values = histories.matrix(history_residuals(fitted, histories), weights.n_items)[histories.of.numpy()]
        return weights.item_sums(values)[:, items].unsqueeze(2)


def largest_weights(weights: Tensor, weighed: Tensor, top_k: int, n_items: int) -> csr_array:
    """Return the largest weights towards some items as rows among all items, shape [n_items, n_items].

    Parameters
    ----------
    weights : column j holds the weights towards item j of `weighed`, float32, shape [m, m].
    weighed : ids of items, ascending, int64, shape [m].
    """
    first, columns, values = largest_by_column(weights, min(top_k, len(weighed)))
    kept = csr_array((values.numpy(), columns.numpy(), first.numpy()), shape=weights.shape).T.tocsr()
    lengths = np.zeros(n_items, np.int64)
    lengths[weighed.numpy()] = np.diff(kept.indptr)
    starts = np.concatenate([[0], lengths.cumsum()])
    return csr_array((kept.data, weighed.numpy()[kept.indices], starts), shape=(n_items, n_items))
