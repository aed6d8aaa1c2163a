"""A generated log whose true probabilities, and so the best achievable metrics, are known."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.raw import Chunk, EntityTable, RaggedValues, RawLog
from cadc.data.schema import Field, Schema
from cadc.data.sources.source import Source
from cadc.data.transform.none import NoTransform
from cadc.data.transform.transform import DenseTransform
from cadc.errors import UsageError, require_at_least
from cadc.randomness import numpy_generator

CHUNK_ROWS = 1 << 20
MAX_ROWS, MAX_ENTITIES, MAX_RANK = 10**10, 10**9, 1000
"""Largest values of the options; larger logs fill any disk or memory."""
LOW_CUTS, HIGH_CUTS = (-2.0, -1.0), (1.0,)
"""Utilities above which a rating below 4, or from 4 on, is one higher."""
AGE_GROUPS, GENDERS, CATEGORIES, TAGS, HOURS = 7, 2, 18, 30, 24


class Synthetic(Source):
    """Generated interactions of users and items with power-law activity and planted preferences.

    The logit of a row is the sum of a low-rank preference (user vector times item vector), a user bias, an item
    bias, and the effects of the hour and of a dense feature. The label is drawn with the probability of this logit.
    `side_share` of the variance of vectors and biases is explained by side features (age group and gender of users;
    category and tags of items); the rest is each entity's own.

    Parameters
    ----------
    n_rows, n_users, n_items : sizes of the log; the defaults are those of MovieLens 100K.
    rank : length of the planted vectors.
    preference_std, bias_std, context_std : standard deviations of the parts of the logit.
    side_share : share of the variance that side features explain, in [0, 1].
    activity_exponent : the activity of a user or item falls with this power of its rank.
    seed : seed of the generator; another seed makes another data set.
    ratings : whether each row has a rating from 1 to 5, too, of an ordered logit model (McCullagh 1980); 4 and 5 have
        label 1. All else is as without.

    Raises
    ------
    UsageError : if an option is out of its range.
    """

    name: str = "synthetic"
    extra_columns: ClassVar[tuple[str, ...]] = ("oracle", "rating")
    dense_transform: ClassVar[type[DenseTransform]] = NoTransform  # it is standard normal

    def __init__(
        self,
        n_rows: int = 100_000,
        n_users: int = 943,
        n_items: int = 1_682,
        rank: int = 2,
        preference_std: float = 1.5,
        bias_std: float = 0.6,
        context_std: float = 0.3,
        side_share: float = 0.3,
        activity_exponent: float = 0.8,
        seed: int = 0,
        ratings: bool = False,
    ) -> None:
        require_at_least(1, "data", n_rows=n_rows, n_users=n_users, n_items=n_items, rank=rank)
        require_at_least(0, "data", preference_std=preference_std, bias_std=bias_std, context_std=context_std)
        for name, value, most in (
            ("n_rows", n_rows, MAX_ROWS),
            ("n_users", n_users, MAX_ENTITIES),
            ("n_items", n_items, MAX_ENTITIES),
            ("rank", rank, MAX_RANK),
        ):
            if value > most:
                raise UsageError(f"data.{name} is {value}; it must be at most {most}.")
        if not 0 <= side_share <= 1:
            raise UsageError(f"data.side_share is {side_share}; it must be a share from 0 to 1.")
        self.n_rows, self.n_users, self.n_items, self.rank = n_rows, n_users, n_items, rank
        self.preference_std, self.bias_std, self.context_std = preference_std, bias_std, context_std
        self.side_share, self.activity_exponent = side_share, activity_exponent
        self.seed, self.ratings = seed, ratings

    def fingerprint(self) -> dict[str, str]:
        """Return nothing: there are no raw files."""
        return {}

    def edition(self, fingerprint: dict[str, str]) -> str:
        """Return `generated`."""
        return "generated"

    def read(self) -> RawLog:
        """Generate users and items, and return the log, whose rows are generated chunk by chunk on demand."""
        fields = (
            Field("user", "user"),
            Field("age", "user"),
            Field("gender", "user"),
            Field("item", "item"),
            Field("category", "item"),
            Field("tags", "item", bag=True),
            Field("hour", "context"),
        )
        rng = numpy_generator(self.seed, "entities")
        age = rng.integers(AGE_GROUPS, size=self.n_users)
        gender = rng.integers(GENDERS, size=self.n_users)
        category = rng.integers(CATEGORIES, size=self.n_items)
        n_tags = rng.integers(1, 5, size=self.n_items)
        tags = rng.integers(TAGS, size=n_tags.sum())
        offsets = np.concatenate([[0], np.cumsum(n_tags)]).astype(np.int64)
        # One column more than the rank: the last one is the bias, which side features explain as they do the vectors.
        width = self.rank + 1
        user_side = (rng.normal(size=(AGE_GROUPS, width))[age] + rng.normal(size=(GENDERS, width))[gender]) / 2**0.5
        tag_sum = np.add.reduceat(rng.normal(size=(TAGS, width))[tags], offsets[:-1])
        item_side = (rng.normal(size=(CATEGORIES, width))[category] + tag_sum / n_tags[:, None] ** 0.5) / 2**0.5
        user = self._mix(user_side, rng)
        item = self._mix(item_side, rng)
        hour_effect = self.context_std * rng.normal(size=HOURS)
        users = EntityTable(
            np.arange(1, self.n_users + 1), {"age": _names("age", age), "gender": _names("gender", gender)}
        )
        items = EntityTable(
            np.arange(1, self.n_items + 1),
            {"category": _names("category", category)},
            {"tags": RaggedValues(_names("tag", tags), offsets)},
        )
        chunks = self._chunks(
            user, item, hour_effect, self._activity(self.n_users, rng), self._activity(self.n_items, rng)
        )
        return RawLog(Schema(fields, ("recency",)), {"user": users, "item": items}, chunks)

    def _mix(self, side: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Add each entity's own part to the part that its side features explain; the sum has unit variance."""
        return self.side_share**0.5 * side + (1 - self.side_share) ** 0.5 * rng.normal(size=side.shape)

    def _activity(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the cumulative shares of the rows that n entities of random activity have, shape [n]."""
        weight = (rng.permutation(n) + 10.0) ** -self.activity_exponent
        return np.asarray(np.cumsum(weight) / weight.sum())

    def _chunks(
        self,
        user: NDArray[np.float64],
        item: NDArray[np.float64],
        hour_effect: NDArray[np.float64],
        user_activity: NDArray[np.float64],
        item_activity: NDArray[np.float64],
    ) -> Iterator[Chunk]:
        scale = self.preference_std / self.rank**0.5
        for first in range(0, self.n_rows, CHUNK_ROWS):
            rng = numpy_generator(self.seed, f"rows from {first}")
            n = min(CHUNK_ROWS, self.n_rows - first)
            u = np.searchsorted(user_activity, rng.random(n)).clip(max=self.n_users - 1).astype(np.int32)
            i = np.searchsorted(item_activity, rng.random(n)).clip(max=self.n_items - 1).astype(np.int32)
            hour = rng.integers(HOURS, size=n)
            recency = rng.normal(size=n)
            preference = scale * np.einsum("nk,nk->n", user[u, :-1], item[i, :-1])
            bias = self.bias_std * (user[u, -1] + item[i, -1])
            logit = preference + bias + hour_effect[hour] + self.context_std * recency
            probability = 1 / (1 + np.exp(-logit))
            drawn = rng.random(n)
            liked = drawn < probability
            yield Chunk(
                label=liked.astype(np.float32),
                entities={"user": u, "item": i},
                context={"hour": hour},
                dense=recency.astype(np.float32)[:, None],
                time=np.arange(first, first + n, dtype=np.int64),
                oracle=probability.astype(np.float32),
                rating=_ratings(logit, drawn, liked) if self.ratings else None,
            )


def _ratings(logit: NDArray[np.float64], drawn: NDArray[np.float64], liked: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return how many cuts the utilities exceed, those that made the labels, as ratings, float32, shape [B]."""
    with np.errstate(divide="ignore"):
        utility = logit + np.log1p(-drawn) - np.log(drawn)  # positive where `drawn` is below the probability
    return np.where(liked, 4 + _n_exceeded(utility, HIGH_CUTS), 1 + _n_exceeded(utility, LOW_CUTS)).astype(np.float32)


def _n_exceeded(utility: NDArray[np.float64], cuts: tuple[float, ...]) -> NDArray[np.intp]:
    return np.searchsorted(np.array(cuts), utility)


def _names(prefix: str, codes: NDArray[np.int64]) -> NDArray[np.str_]:
    return np.char.add(f"{prefix}-", (codes + 1).astype(str))
