"""Negative items for ranking losses: items of other rows of the batch, and random items."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from cadc.errors import require_at_least


@dataclass(frozen=True)
class Contest:
    """The items that compete in each row of a batch.

    The columns of a row are either all m items (`columns` is None), or the c items that `columns` lists for the row.

    Parameters
    ----------
    items : distinct item ids, int64, shape [m].
    columns : indices into `items`, int64, shape [B, c]; None if every row has all m items.
    own : column of the row's own item, int64, shape [B].
    weight : number of negatives that a column stands for, float32, shape [m] or [B, c]; that of `own` is not used.
    log_expected : log of the expected number of times that an item is among the negatives of a row, shape of `weight`.
    """

    items: Tensor
    columns: Tensor | None
    own: Tensor
    weight: Tensor
    log_expected: Tensor


class Negatives:
    """Draws negatives from the items of the training rows with torch's global generator.

    A draw that equals the row's own item (an accidental hit) does not count.

    Parameters
    ----------
    in_batch : number of other rows of the batch whose items are negatives; `all` takes all of them.
    random : number of negatives drawn uniformly from the items of the training rows: for each row, or once for the
        whole batch if `in_batch` is `all`.
    """

    def __init__(self, in_batch: int | Literal["all"] = "all", random: int = 0) -> None:
        require_at_least(0, "model", in_batch=0 if in_batch == "all" else in_batch, random=random)
        self.in_batch = in_batch
        self.random = random

    def begin(self, items: Tensor) -> None:
        """Count the items of the training rows.

        Parameters
        ----------
        items : item id of each row, int64, shape [n].
        """
        counts = torch.bincount(items)
        self.share = counts / len(items)
        self.catalogue = counts.nonzero().squeeze(1)

    def draw(self, own: Tensor) -> Contest:
        """Return the negatives of a batch of rows.

        Parameters
        ----------
        own : item id of each row, int64, shape [B].
        """
        if self.in_batch == "all":
            return self._shared(own)
        return self._by_row(own, min(self.in_batch, len(own) - 1))

    def _shared(self, own: Tensor) -> Contest:
        drawn = self._random(own, (self.random,))
        items, place, count = torch.unique(torch.cat([own, drawn]), return_inverse=True, return_counts=True)
        return Contest(items, None, place[: len(own)], count.float(), self._log_expected(items, len(own) - 1))

    def _by_row(self, own: Tensor, in_batch: int) -> Contest:
        # Batches are in random order, so the rows that follow are a random choice.
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
        # A batch of one row has no negatives, and log(0) is not finite.
        return expected.clamp(min=torch.finfo(expected.dtype).tiny).log()
