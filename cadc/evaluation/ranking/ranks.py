"""Exact ranks of held-out items among all items that a user has not seen."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cadc.errors import CadcError, DataError

Scorer = Callable[[Tensor], Tensor]
"""Takes users, int64 [b]; returns the scores of all items, [b, n_items]."""

N_SCORES = 500_000
"""Default number of scores held at once: 2 MB of float32, which fits into the cache."""

FEWEST_USERS = 16
"""Least number of users scored at once: with fewer, the product takes as long as reading all item vectors."""


@dataclass(frozen=True)
class DotProduct:
    """Scores every item for a user: u·v, plus the item's bias if there is one.

    Parameters
    ----------
    user_vectors : shape [n_users, d].
    item_vectors : shape [n_items, d].
    item_biases : shape [n_items]; a bias of the user would not change ranks.
    """

    user_vectors: Tensor
    item_vectors: Tensor
    item_biases: Tensor | None = None

    def __call__(self, users: Tensor) -> Tensor:
        """Return the scores of all items, shape [b, n_items]."""
        vectors = self.user_vectors[users]
        if self.item_biases is None:
            return vectors @ self.item_vectors.T
        return torch.addmm(self.item_biases, vectors, self.item_vectors.T)


class Masked:
    """Items that are not candidates for a user, such as those of the training part.

    Parameters
    ----------
    users, items : pairs in any order, possibly repeated, int64, shape [n] each.
    kept : users and items, int64, of pairs that are candidates all the same; they need not be among the others.

    Attributes
    ----------
    items : item of each distinct pair, those of a user one after the other, int64, shape [m].
    """

    def __init__(self, users: Tensor, items: Tensor, kept: tuple[Tensor, Tensor] | None = None) -> None:
        n_items = int(items.max()) + 1 if len(items) else 1
        # One number for each pair, which NumPy sorts several times as fast as torch.
        pairs = np.sort((users * n_items + items).numpy())
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
        if kept is not None:
            asked = (kept[0] * n_items + kept[1])[kept[1] < n_items].numpy()
            place, end = (np.searchsorted(pairs, asked, side) for side in ("left", "right"))
            pairs = np.delete(pairs, place[place < end])
        self._n_users = int(users.max()) + 1 if len(users) else 0
        self._first = torch.from_numpy(np.searchsorted(pairs, np.arange(self._n_users + 1) * n_items))
        self.items = torch.from_numpy(pairs % n_items)

    @property
    def users(self) -> Tensor:
        """User of each distinct pair, ascending, int64, shape [m]."""
        return torch.repeat_interleave(torch.arange(self._n_users), self._first.diff())

    def of(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return the number of masked items of some users, shape [b], and these items, a user after another, [m]."""
        first, end = (self._first[place.clamp(max=self._n_users)] for place in (users, users + 1))
        count = end - first
        if len(users) and torch.equal(first[1:], end[:-1]):  # as of users in their order
            return count, self.items[int(first[0]) : int(end[-1])]
        shift = torch.repeat_interleave(first - (count.cumsum(0) - count), count)
        return count, self.items[shift + torch.arange(len(shift))]


@torch.no_grad()
def full_ranks(
    scorer: Scorer,
    users: Tensor,
    items: Tensor,
    masked: Masked | None = None,
    candidates: Tensor | None = None,
    n_scores: int | None = None,
) -> Tensor:
    """Return the rank of each held-out item among all candidates of its user, from 1; ties share their mid rank.

    The rank is 1 + (candidates scored higher) + (others scored equal) / 2. Several held-out items of a user are
    candidates for one another. An item that is not a candidate for anyone (a cold item) cannot be found: its rank is
    infinite, which every metric counts as a miss.

    Parameters
    ----------
    scorer : takes users, int64 [b]; returns the scores of all items, [b, n_items]; such as `DotProduct`.
    users, items : of the held-out pairs, int64, shape [n] each.
    masked : pairs left out of the ranking.
    candidates : whether each item can be ranked at all, bool, shape [n_items]; None ranks all.
    n_scores : most scores held at once, but at least those of one user; a few times as many numbers are in memory. None
        takes `N_SCORES`, or the scores of `FEWEST_USERS` users if these are more.

    Returns
    -------
    rank : float64, shape [n], in the order of the pairs.

    Raises
    ------
    DataError : if a held-out pair is masked.
    CadcError : if a score is NaN.
    """
    rank = torch.empty(len(users), dtype=torch.float64, device=users.device)
    order = torch.argsort(users, stable=True)
    start, width = 0, 1
    while start < len(order):
        pairs = order[start : start + width]
        distinct, place = torch.unique_consecutive(users[pairs], return_inverse=True)
        scores = _checked(scorer(distinct), candidates)
        rows = scores if len(distinct) == len(pairs) else scores[place.to(scores.device)]
        left_out = None if masked is None else masked.of(users[pairs])
        rank[pairs] = _ranks(rows, items[pairs], left_out, candidates).to(rank.device)
        start += width
        # The number of items is known from the first scores only.
        width = max(FEWEST_USERS if n_scores is None else 1, (n_scores or N_SCORES) // scores.shape[1])
    return rank


def _checked(scores: Tensor, candidates: Tensor | None) -> Tensor:
    """Return scores [b, n_items], with NaN for items that are not candidates; raise a CadcError for any other NaN."""
    # The minimum of values that include NaN is NaN: one pass, and no array of their size is written.
    if scores.numel() and scores.amin().isnan():
        raise CadcError(f"{int(scores.isnan().sum())} of {scores.numel()} scores are NaN; no item is ranked.")
    return scores if candidates is None else scores.masked_fill(~candidates.to(scores.device), torch.nan)


def _ranks(rows: Tensor, items: Tensor, left_out: tuple[Tensor, Tensor] | None, candidates: Tensor | None) -> Tensor:
    """Return the rank of an item in each row of scores.

    Parameters
    ----------
    rows : scores of all items, shape [n, n_items]; NaN for those that are not candidates.
    items : int64, shape [n].
    left_out : number of masked items of each row, shape [n], and these items, a row after another, shape [m].
    candidates : as in `full_ranks`.
    """
    items = items.to(rows.device)
    own = rows.gather(1, items[:, None])
    # Halves are exact in float32 up to 2^23.
    exact = torch.float64 if rows.shape[1] > 1 << 23 else torch.float32
    # Comparisons give floats, which torch sums several times as fast as booleans. NaN is neither above nor equal to
    # anything, so items that are not candidates do not count. The item itself counts as one half.
    is_so = torch.empty(rows.shape, dtype=torch.float32, device=rows.device)
    n_above, n_equal = (compare(rows, own, out=is_so).sum(1, dtype=exact) for compare in (torch.gt, torch.eq))
    rank = 0.5 + n_above.double() + n_equal.double() / 2
    if left_out is not None:
        count, others = (part.to(rows.device) for part in left_out)
        place = torch.repeat_interleave(count)
        is_held_out = others == items.index_select(0, place)
        if (is_held_out if candidates is None else is_held_out & candidates.to(rows.device)[others]).any():
            raise DataError("a held-out pair is masked, so it has no rank; mask only pairs of earlier parts.")
        # Masked items are counted again and subtracted, rather than overwritten in a copy of all scores.
        theirs = rows.reshape(-1).index_select(0, place * rows.shape[1] + others)
        mine, above, equal = own[:, 0].index_select(0, place), theirs.new_empty(0), theirs.new_empty(0)
        counted = torch.gt(theirs, mine, out=above).to(exact).add_(torch.eq(theirs, mine, out=equal), alpha=0.5)
        rank -= torch.segment_reduce(counted, "sum", lengths=count, unsafe=True)
    return rank if candidates is None else rank.where(candidates.to(rows.device)[items], torch.inf)
