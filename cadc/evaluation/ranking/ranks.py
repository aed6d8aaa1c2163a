"""Exact ranks of held-out items among all items that a user has not met."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from cadc.errors import CadcError, DataError

Scorer = Callable[[Tensor], Tensor]
"""Takes users, int64 [b]; returns the scores of all items, [b, n_items]."""

N_SCORES = 500_000
"""Scores held at a time, unless told otherwise: 2 MB of float32, which caches hold."""


@dataclass(frozen=True)
class DotProduct:
    """Score every item for a user: u·v, plus the item's bias where there is one.

    Parameters
    ----------
    user_vectors : shape [n_users, d].
    item_vectors : shape [n_items, d].
    item_biases : shape [n_items]; a user's own bias changes no rank.
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
    """Items that are no candidates for a user, such as those of the full training part.

    Parameters
    ----------
    users, items : pairs in any order, repeated ones too, int64, shape [n] each.
    """

    def __init__(self, users: Tensor, items: Tensor) -> None:
        order = torch.argsort(users)
        self.users = users[order].contiguous()
        self.items = items[order]

    def of(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return the masked pairs of some users as (place of the user in `users`, item), int64, shape [m] each."""
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
    n_scores: int = N_SCORES,
) -> Tensor:
    """Return the rank of each held-out item among all candidates of its user, from 1; ties share their mid rank.

    The rank is 1 + (candidates scored higher) + (others scored equal) / 2. Several held-out items of a user are
    candidates for one another. An item that is no candidate for anyone (a cold one) cannot be found: its rank is
    infinite, which every metric counts as a miss.

    Parameters
    ----------
    scorer : takes users, int64 [b]; returns the scores of all items, [b, n_items]; such as `DotProduct`.
    users, items : of the held-out pairs, int64, shape [n] each.
    masked : pairs that are left out of the ranking.
    candidates : which items can be ranked at all, bool, shape [n_items]; None takes all.
    n_scores : most scores held at a time; memory is a few times as many numbers, and at least one user's.

    Returns
    -------
    rank : float64, shape [n], in the order of the pairs.

    Raises
    ------
    DataError : where a held-out pair is masked.
    CadcError : where a score is NaN.
    """
    rank = torch.empty(len(users), dtype=torch.float64, device=users.device)
    order = torch.argsort(users, stable=True)
    start, width = 0, 1
    while start < len(order):
        pairs = order[start : start + width]
        scores, place = _scores(scorer, users[pairs], masked, candidates)
        found = _ranks(scores, place.to(scores.device), items[pairs].to(scores.device), candidates)
        rank[pairs] = found.to(rank.device)
        start += width
        # Only a first answer tells how many items there are.
        width = max(1, n_scores // scores.shape[1])
    return rank


def _scores(scorer: Scorer, users: Tensor, masked: Masked | None, candidates: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return scores [b, n_items] of the distinct users, NaN for items that are not ranked, and each pair's row."""
    distinct, place = torch.unique_consecutive(users, return_inverse=True)
    scores = scorer(distinct)
    if scores.isnan().any():
        raise CadcError(f"{int(scores.isnan().sum())} of {scores.numel()} scores are NaN; no item is ranked.")
    if masked is not None or candidates is not None:
        scores = scores.clone()
    if candidates is not None:
        scores[:, ~candidates] = torch.nan
    if masked is not None:
        scores[masked.of(distinct)] = torch.nan
    return scores, place


def _ranks(scores: Tensor, place: Tensor, items: Tensor, candidates: Tensor | None) -> Tensor:
    rows = scores if len(scores) == len(place) else scores[place]
    own = rows.gather(1, items[:, None])
    # NaN is neither above nor equal to anything, so what is not ranked does not count.
    n_above = (rows > own).sum(1)
    n_equal = (rows == own).sum(1)
    rank = n_above.double() + (n_equal.double() + 1) / 2
    is_cold = torch.zeros_like(items, dtype=torch.bool) if candidates is None else ~candidates[items]
    if (own[:, 0].isnan() & ~is_cold).any():
        raise DataError("a held-out pair is among the masked ones, so it has no rank; mask only what came before it.")
    return torch.where(is_cold, torch.inf, rank)
