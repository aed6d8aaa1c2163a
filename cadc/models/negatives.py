"""Items that a row's own item has to beat: those of other rows in its batch, and random ones."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from cadc.errors import require_at_least


@dataclass(frozen=True)
class Contest:
    """Which items compete in each row of a batch.

    A row's columns are either all of `items` (`columns` is None, m columns) or those that `columns` names.

    Parameters
    ----------
    items : distinct ids, int64, shape [m].
    columns : places in `items`, int64, shape [B, c], or None.
    own : column of the row's own item, int64, shape [B].
    weight : how many negatives a column stands for, float32, shape [m] or [B, c]; that of `own` means nothing.
    log_expected : logarithm of how often an item is expected among the negatives of a row, shape as `weight`.
    """

    items: Tensor
    columns: Tensor | None
    own: Tensor
    weight: Tensor
    log_expected: Tensor


class Negatives:
    """Draws negatives from the items of the training rows, by torch's global generator.

    An item that is the row's own counts in no draw (an accidental hit).

    Parameters
    ----------
    in_batch : items of so many other rows of the batch, or of `all` of them.
    random : so many items drawn uniformly from those that occur in the rows; for each row anew, or once for the whole
        batch where `in_batch` is `all`.
    """

    def __init__(self, in_batch: int | Literal["all"] = "all", random: int = 0) -> None:
        require_at_least(0, "model", in_batch=0 if in_batch == "all" else in_batch, random=random)
        self.in_batch = in_batch
        self.random = random

    def begin(self, items: Tensor) -> None:
        """Count the items of the rows that training reads, ids from 0, int64, shape [n]."""
        counts = torch.bincount(items)
        self.share = counts / len(items)
        self.catalogue = counts.nonzero().squeeze(1)

    def draw(self, own: Tensor) -> Contest:
        """Draw for a batch of rows.

        Parameters
        ----------
        own : id of each row's item, int64, shape [B].
        """
        if self.in_batch == "all":
            return self._shared(own)
        return self._by_row(own, min(self.in_batch, len(own) - 1))

    def _shared(self, own: Tensor) -> Contest:
        drawn = self._random(own, (self.random,))
        items, place, count = torch.unique(torch.cat([own, drawn]), return_inverse=True, return_counts=True)
        return Contest(items, None, place[: len(own)], count.float(), self._log_expected(items, len(own) - 1))

    def _by_row(self, own: Tensor, in_batch: int) -> Contest:
        # Batches are in random order, so the rows that follow are as good as any.
        places = torch.arange(len(own), device=own.device)
        others = own[(places[:, None] + torch.arange(1, in_batch + 1, device=own.device)) % len(own)]
        drawn = torch.cat([own[:, None], others, self._random(own, (len(own), self.random))], 1)
        items, columns = torch.unique(drawn, return_inverse=True)
        return Contest(
            items,
            columns,
            torch.zeros_like(own),
            (drawn != own[:, None]).float(),
            self._log_expected(items, in_batch)[columns],
        )

    def _random(self, own: Tensor, shape: tuple[int, ...]) -> Tensor:
        return self.catalogue[torch.randint(len(self.catalogue), shape)].to(own.device)

    def _log_expected(self, items: Tensor, in_batch: int) -> Tensor:
        expected = in_batch * self.share.to(items.device)[items] + self.random / len(self.catalogue)
        # Nobody competes in a batch of one row.
        return expected.clamp(min=torch.finfo(expected.dtype).tiny).log()
