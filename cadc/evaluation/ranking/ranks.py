"""Exact ranks of held-out items among all items that a user has not seen."""

from collections.abc import Callable
from dataclasses import dataclass

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
    """

    def __init__(self, users: Tensor, items: Tensor) -> None:
        order = torch.argsort(items)
        order = order[torch.argsort(users[order], stable=True)]
        users, items = users[order], items[order]
        is_new = torch.ones_like(users, dtype=torch.bool)
        is_new[1:] = (users[1:] != users[:-1]) | (items[1:] != items[:-1])
        self.users, self.items = users[is_new], items[is_new]

    def of(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return the masked pairs of some users, each once: (place of the user in `users`, item), int64, shape [m]."""
        first = torch.searchsorted(self.users, users)
        count = torch.searchsorted(self.users, users, right=True) - first
        place = torch.repeat_interleave(torch.arange(len(users), device=users.device), count)
        within = torch.arange(len(place), device=users.device) - torch.repeat_interleave(count.cumsum(0) - count, count)
        return place, self.items[first[place] + within]


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
    left_out : places in `rows` and items of the masked pairs, int64, shape [m] each.
    candidates : as in `full_ranks`.
    """
    items = items.to(rows.device)
    own = rows.gather(1, items[:, None])
    # NaN is neither above nor equal to anything, so items that are not candidates do not count.
    n_above, n_equal = _count(torch.gt, rows, own), _count(torch.eq, rows, own)
    if left_out is not None:
        place, others = (part.to(rows.device) for part in left_out)
        is_held_out = others == items[place]
        if (is_held_out if candidates is None else is_held_out & candidates.to(rows.device)[others]).any():
            raise DataError("a held-out pair is masked, so it has no rank; mask only pairs of earlier parts.")
        theirs, mine = rows[place, others], own[place, 0]
        n_above -= torch.bincount(place, (theirs > mine).double(), minlength=len(rows))
        n_equal -= torch.bincount(place, (theirs == mine).double(), minlength=len(rows))
    rank = n_above + (n_equal + 1) / 2
    return rank if candidates is None else rank.where(candidates.to(rows.device)[items], torch.inf)


def _count(compare: Callable[..., Tensor], rows: Tensor, own: Tensor) -> Tensor:
    """Return how many scores of each row compare so with its own one, float64, shape [n]."""
    # As floats, which torch sums several times as fast as booleans; exact up to 2^24 of them.
    is_so = torch.empty(rows.shape, dtype=torch.float32, device=rows.device)
    exact = torch.float64 if rows.shape[1] > 1 << 24 else torch.float32
    return compare(rows, own, out=is_so).sum(1, dtype=exact).double()
