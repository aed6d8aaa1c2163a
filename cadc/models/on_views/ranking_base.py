"""The stack of views that a network which ranks starts from."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS
from cadc.errors import CadcError, UsageError
from cadc.models.stack.stack import Stack
from cadc.views.views import Views

MOST_BYTES = 1 << 30
"""Memory for the scores that training starts from, 2 bytes for each row of the sample and each of its items."""
BLOCK = 1 << 24
"""Numbers of views that are held at once."""


class RankingBase(nn.Module):
    """Scores of the stack: for all items of a user who is served, and for those of the sample before each of its rows.

    A network corrects them: score = stack + g · network, where g is trained and starts at 0. The stack is fitted on the
    sample before the first step and stays as it is. Its scores of the sample are computed once, and kept as 16-bit
    numbers.

    Parameters
    ----------
    views : the views.

    Raises
    ------
    UsageError : for views that cannot rank.
    """

    def __init__(self, views: Views) -> None:
        super().__init__()
        self.stack = Stack(views, "ranking")
        self.gate = nn.Parameter(torch.zeros(()))
        self._rows = self._items = torch.zeros(0, dtype=torch.int64)
        self._scores = torch.zeros(0, 0, dtype=torch.float16)

    def fit_sample(self, log: InteractionLog, rows: Tensor, weights: Tensor | None = None) -> None:
        """Fit the stack, and note its scores of the items of some rows before each of them.

        Parameters
        ----------
        log : the log.
        rows : numbers of the training rows in the sample, int32 or int64, shape [n].
        weights : of the rows, see `Stack.fit_sample`.

        Raises
        ------
        UsageError : if the scores take too much memory.
        """
        items = log.field_ids(ENTITY_FIELDS[1], rows).long().unique()
        if 2 * len(rows) * len(items) > MOST_BYTES:
            raise UsageError(
                f"a network on views keeps their scores of {len(items):,} items before each of {len(rows):,} rows, "
                f"{2e-9 * len(rows) * len(items):.1f} GB; expected at most {MOST_BYTES / 1e9:.1f} GB. Lower "
                "sampler.rate."
            )
        self.stack.fit_sample(log, rows, weights)
        self._rows, self._items = rows.long().sort().values, items
        self._scores = torch.empty(len(rows), len(items), dtype=torch.float16)
        weighed = self.stack.weights.float()
        size = max(1, BLOCK // (len(items) * len(weighed)))
        with torch.inference_mode():
            for start in range(0, len(rows), size):
                part = self._rows[start : start + size]
                scores = self.stack.views.of_items_at(log, part, items) @ weighed
                # Only differences matter, and small numbers keep more digits.
                self._scores[start : start + size] = scores - scores.mean(1, keepdim=True)

    def remember(self, log: InteractionLog, rows: Tensor) -> None:
        """Replace the histories that views read where items are ranked by those of these rows, shape [n]."""
        self.stack.remember(log, rows)

    def before_rows(self, rows: Tensor, items: Tensor) -> Tensor:
        """Return the scores of m items of the sample before each of B rows, float32, shape [B, m].

        Parameters
        ----------
        rows : numbers of rows of the sample, int32 or int64, shape [B].
        items : ids, int64, shape [m].

        Raises
        ------
        CadcError : for rows or items outside the sample, or before `fit_sample`.
        """
        places, columns = (
            torch.searchsorted(known, asked.cpu().long()).clamp(max=max(len(known) - 1, 0))
            for known, asked in ((self._rows, rows), (self._items, items))
        )
        for known, found, asked in ((self._rows, places, rows), (self._items, columns, items)):
            if not len(known) or not torch.equal(known[found], asked.cpu().long()):
                raise CadcError("scores of views are known for rows and items of the sample; call fit_sample first.")
        return self._scores[places][:, columns].float().to(rows.device)

    def corrected(self, scores: Tensor, network: Tensor) -> Tensor:
        """Return scores of the stack with what a network adds to them, both of the same shape."""
        return scores + self.gate * network

    def forward(self, batch: Batch) -> Tensor:
        """Return the score of each row's item for its user, float32, shape [B]."""
        scores: Tensor = self.stack(batch)
        return scores.float()

    def item_scorer(self, items: Batch) -> Callable[[Batch], Tensor]:
        """Return a function from a batch of b users to their scores of these n items, float32, shape [b, n]."""
        return self.stack.item_scorer(items)
