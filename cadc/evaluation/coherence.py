"""User coherence: how surprising a user's items are, alone and given one another (Soumm et al., arXiv 2410.02453)."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PAIRS = 1 << 19
"""Pairs of items that are in memory at once, or as many as there are entries of users, where these are more."""
MAX_KEY = 1 << 40
"""Bound of the numbers that tell the pairs of a block apart, so that 64 bits hold an entry beside them."""


class Coherence(NamedTuple):
    """How coherent users are, in nats.

    Parameters
    ----------
    surprise : S(u), mean of -log p(i) over the items i of each user, where p(i) is the share of users that have i;
        NaN for users without items, float64, shape [n_users].
    conditional : CS(u), mean of -log p(i | j) over all ordered pairs of different items of each user, where p(i | j) is
        the share of users with j that have i; NaN for users with fewer than two items, float64, shape [n_users]. The
        smaller, the more coherent.
    """

    surprise: NDArray[np.float64]
    conditional: NDArray[np.float64]


class UserItems(NamedTuple):
    """Items of users, each once, in the order of items and then of users.

    Parameters
    ----------
    user, item : of each entry, shape [m].
    n_users, n_items : bounds of the numbers.
    """

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    n_users: int
    n_items: int

    @property
    def items_of_users(self) -> NDArray[np.int64]:
        """Number of items of each user, shape [n_users]."""
        return np.bincount(self.user, minlength=self.n_users)

    @property
    def n_pairs(self) -> int:
        """Number of pairs of items that `coherence` reads, each once for each user that has both."""
        found = self.items_of_users
        return int((found * (found - 1) // 2).sum())


def items_of_users(user: NDArray[np.integer], item: NDArray[np.integer], n_users: int, n_items: int) -> UserItems:
    """Return the different items of each user.

    Parameters
    ----------
    user, item : of each row, from 0, shape [n].
    n_users, n_items : bounds of the numbers.
    """
    # Faster than np.unique, which hashes.
    pairs = np.sort(item.astype(np.int64) * n_users + user)
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return UserItems(pairs % n_users, pairs // n_users, n_users, n_items)


def coherence(entries: UserItems) -> Coherence:
    """Return the surprise and the conditional surprise of each user.

    Examples
    --------
    >>> found = coherence(items_of_users(np.array([0, 0, 1]), np.array([0, 1, 0]), n_users=2, n_items=2))
    >>> found.surprise.round(3).tolist(), found.conditional.round(3).tolist()
    ([0.347, 0.0], [0.347, nan])
    """
    return Coherence(surprise(entries), conditional_surprise(entries))


def surprise(entries: UserItems) -> NDArray[np.float64]:
    """Return the surprise of each user, see `Coherence`, shape [n_users]."""
    n_present = np.log(max((entries.items_of_users > 0).sum(), 1))
    return np.asarray(n_present - _mean_log_users(entries))


def conditional_surprise(entries: UserItems) -> NDArray[np.float64]:
    """Return the conditional surprise of each user, see `Coherence`, shape [n_users].

    Time grows with `n_pairs`, memory with the number of entries and with `PAIRS`.
    """
    n, together = entries.items_of_users, np.zeros(entries.n_users)
    for who, log_both in _pairs(entries):
        together += np.bincount(who, log_both, entries.n_users)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Each pair counts in both orders, and each item as j in n - 1 of them.
        return np.asarray(_mean_log_users(entries) - 2 * together / (n * (n - 1.0)))


def _mean_log_users(entries: UserItems) -> NDArray[np.float64]:
    """Return the mean over each user's items of the logarithm of their number of users; NaN without items."""
    counts = np.bincount(entries.item, minlength=entries.n_items)
    sums = np.bincount(entries.user, np.log(np.maximum(counts, 1))[entries.item], entries.n_users)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / entries.items_of_users)


def _pairs(entries: UserItems) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yield users of some entries at a time, and for each entry a sum over the more popular items of its user.

    What is summed is the logarithm of the number of users that have both items.
    """
    # Paired with the more popular items alone, no item has more pairs than there are entries.
    counts = np.bincount(entries.item, minlength=entries.n_items)
    by_popularity = np.argsort(-counts, kind="stable")
    rank = np.empty(entries.n_items, np.int64)
    rank[by_popularity] = np.arange(entries.n_items)
    order = np.argsort(rank[entries.item], kind="stable")
    user, item = entries.user[order], rank[entries.item[order]]
    # The items of a user lie one after the other in `listed`, by popularity: the partners of each are before it.
    by_user = np.argsort(user, kind="stable")
    listed, n = item[by_user], entries.items_of_users
    first = (np.cumsum(n) - n)[user]
    partners = np.empty(len(user), np.int64)
    partners[by_user] = np.arange(len(user))
    partners -= first
    has_partners = partners > 0
    user, item, first, partners = (own[has_partners] for own in (user, item, first, partners))
    bounds = np.searchsorted(item, np.arange(entries.n_items + 1))
    ends = np.concatenate([[0], np.cumsum(partners)])[bounds]
    start = 0
    while start < entries.n_items:
        stop = int(np.searchsorted(ends, ends[start] + PAIRS, side="right")) - 1
        stop = min(max(stop, start + 1), start + max(MAX_KEY // entries.n_items, 1))
        own = slice(int(bounds[start]), int(bounds[stop]))
        if own.stop > own.start:
            keys = (item[own] - start) * entries.n_items
            yield user[own], _sums_of_logs(keys, first[own], partners[own], listed)
        start = stop


def _sums_of_logs(
    keys: NDArray[np.int64], first: NDArray[np.int64], partners: NDArray[np.int64], listed: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the sum of the logarithms of the counts of each entry's pairs, shape [e].

    Parameters
    ----------
    keys : of the entries' items; a pair is known by the sum of this and of its other item.
    first : where the items of each entry's user begin in `listed`.
    partners : how many of them follow that are paired with the entry, above 0.
    listed : items of all users.
    """
    begins = np.cumsum(partners) - partners
    within = np.repeat(first - begins, partners)
    within += np.arange(len(within))
    pair = np.repeat(keys, partners)
    pair += listed[within]
    if (n_values := int(pair.max()) + 1) <= len(pair):
        counts = np.bincount(pair, minlength=n_values)
        return np.add.reduceat(np.log(np.maximum(counts, 1))[pair], begins)
    # Of few equal pairs: a sort of single numbers of 64 bits is vectorised; a pair lies above the entry that it is of.
    bits = len(keys).bit_length()
    both = np.sort((pair << bits) | np.repeat(np.arange(len(keys)), partners))
    starts = np.flatnonzero(np.diff(both >> bits, prepend=-1))
    lengths = np.diff(starts, append=len(both))
    return np.asarray(np.bincount(both & ((1 << bits) - 1), np.repeat(np.log(lengths), lengths), len(keys)), np.float64)
