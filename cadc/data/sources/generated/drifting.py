"""A generated stream: tastes and popularity drift, users and items arrive, and the true probabilities are known."""

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cadc.data.raw import Chunk, EntityTable, RawLog
from cadc.data.schema import Field, Schema
from cadc.data.sources.generated.over_time import Arrivals, turned
from cadc.data.sources.source import Source
from cadc.data.sources.synthetic import MAX_ENTITIES, MAX_RANK
from cadc.data.transform.none import NoTransform
from cadc.data.transform.transform import DenseTransform
from cadc.errors import UsageError, require_at_least
from cadc.randomness import numpy_generator

CHUNK_ROWS = 1 << 20
DAY = 24 * 60 * 60
START = 1_577_836_800
"""Time of the first row, 2020-01-01 in UTC."""
SECONDS_BETWEEN_ROWS = 30
"""Seconds from a row of a session to the next, where sessions are that far apart."""
PIECES = 200
"""Parts of the log in which popularity is constant."""


class Truth(NamedTuple):
    """What rows are drawn from; of values that drift, those at the start and those after a quarter turn.

    Parameters
    ----------
    tastes : of users, shape [2, n_users, rank].
    vectors : of items, shape [n_items, rank].
    user_bias : shape [n_users].
    item_bias : shape [2, n_items].
    scores : by whose order items are popular, shape [2, n_items].
    activity : of users, shape [n_users].
    users, items : when they arrive.
    """

    tastes: NDArray[np.float64]
    vectors: NDArray[np.float64]
    user_bias: NDArray[np.float64]
    item_bias: NDArray[np.float64]
    scores: NDArray[np.float64]
    activity: NDArray[np.float64]
    users: Arrivals
    items: Arrivals


class Drifting(Source):
    """Generated sessions of users on one clock: what they like, what is popular, and who is there changes over time.

    In a session a user is shown items one after the other, each drawn by its popularity at that time. The user takes
    an item with a probability whose logit is a low-rank preference (user vector times item vector), a user bias and an
    item bias. After each item the user leaves with probability 1 - `patience`; what is shown after that has label 0,
    whatever the user likes. So a row that was not taken tells most if a later row of its session was.

    The true probability of a row (`oracle`) is that of its user, item and time, whatever its place in the session. All
    times differ.

    Parameters
    ----------
    n_rows, n_users, n_items : sizes of the log.
    days : duration of the log.
    rank : length of the planted vectors.
    preference_std, bias_std : standard deviations of the parts of the logit.
    activity_exponent : the activity of a user and the popularity of an item fall with this power of its rank.
    taste_drift : quarter turns of each user's vector from the first row to the last; at 1 the last tastes are
        independent of the first, at 0 they stay.
    popularity_drift : quarter turns of the biases of items, and of the order of their popularity.
    arrivals : share of users, and of items, that arrive after the first row.
    half_life : days after its arrival in which the activity of a user, or the popularity of an item, falls to half;
        None lets them stay.
    shown : rows of a session.
    patience : probability with which a user looks at the next item of a session, too, in (0, 1].
    seed : seed of the generator; another seed makes another data set.

    Raises
    ------
    UsageError : if an option is out of its range.
    """

    name: str = "drifting"
    extra_columns: ClassVar[tuple[str, ...]] = ("oracle",)
    dense_transform: ClassVar[type[DenseTransform]] = NoTransform  # it has no dense columns

    def __init__(
        self,
        n_rows: int = 100_000,
        n_users: int = 600,
        n_items: int = 500,
        days: float = 365,
        rank: int = 2,
        preference_std: float = 2.0,
        bias_std: float = 1.0,
        activity_exponent: float = 0.8,
        taste_drift: float = 1.0,
        popularity_drift: float = 1.0,
        arrivals: float = 0.5,
        half_life: float | None = 120,
        shown: int = 10,
        patience: float = 0.95,
        seed: int = 0,
    ) -> None:
        require_at_least(1, "data", n_rows=n_rows, n_users=n_users, n_items=n_items, rank=rank, shown=shown)
        require_at_least(0, "data", preference_std=preference_std, bias_std=bias_std)
        require_at_least(0, "data", taste_drift=taste_drift, popularity_drift=popularity_drift)
        for name, value, most in (
            ("n_users", n_users, MAX_ENTITIES),
            ("n_items", n_items, MAX_ENTITIES),
            ("rank", rank, MAX_RANK),
            ("shown", shown, CHUNK_ROWS),
        ):
            if value > most:
                raise UsageError(f"data.{name} is {value}; it must be at most {most}.")
        if not 0 <= arrivals <= 1:
            raise UsageError(f"data.arrivals is {arrivals}; it must be a share from 0 to 1.")
        if not 0 < patience <= 1:
            raise UsageError(f"data.patience is {patience}; it must be a probability above 0 and at most 1.")
        # Half of the time is between sessions.
        if not (needed := -(-n_rows // shown) * shown * 2 / DAY) <= days < 1e6:
            raise UsageError(
                f"data.days is {days}, and data.n_rows {n_rows}; rows that differ in their second take {needed:.3g} "
                "days at least, and a log a million at most."
            )
        if half_life is not None and not half_life >= days / 1000:
            raise UsageError(
                f"data.half_life is {half_life}; it must be at least {days / 1000:g}, a thousandth of days."
            )
        self.n_rows, self.n_users, self.n_items, self.days, self.rank = n_rows, n_users, n_items, days, rank
        self.preference_std, self.bias_std = preference_std, bias_std
        self.activity_exponent, self.taste_drift, self.popularity_drift = (
            activity_exponent,
            taste_drift,
            popularity_drift,
        )
        self.arrivals, self.half_life = arrivals, half_life
        self.shown, self.patience, self.seed = shown, patience, seed

    def fingerprint(self) -> dict[str, str]:
        """Return nothing: there are no raw files."""
        return {}

    def edition(self, fingerprint: dict[str, str]) -> str:
        """Return `generated`."""
        return "generated"

    def read(self) -> RawLog:
        """Generate users and items, and return the log, whose rows are generated chunk by chunk on demand."""
        users, items = (EntityTable(np.arange(1, n + 1)) for n in (self.n_users, self.n_items))
        schema = Schema((Field("user", "user"), Field("item", "item")))
        return RawLog(schema, {"user": users, "item": items}, self._chunks(self.truth()))

    def truth(self) -> Truth:
        """Generate what rows are drawn from."""
        rng = numpy_generator(self.seed, "entities")
        half_life = None if self.half_life is None else self.half_life / self.days
        return Truth(
            tastes=rng.normal(size=(2, self.n_users, self.rank)),
            vectors=rng.normal(size=(self.n_items, self.rank)),
            user_bias=rng.normal(size=self.n_users),
            item_bias=rng.normal(size=(2, self.n_items)),
            scores=rng.normal(size=(2, self.n_items)),
            activity=self._by_rank(rng.permutation(self.n_users)),
            users=Arrivals(self.n_users, self.arrivals, half_life, rng),
            items=Arrivals(self.n_items, self.arrivals, half_life, rng),
        )

    def _by_rank(self, rank: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray((rank + 10.0) ** -self.activity_exponent)

    def probability(
        self, truth: Truth, user: NDArray[np.int32], item: NDArray[np.int32], when: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return with which probability users would take items that they look at, float64, shape [B].

        Parameters
        ----------
        truth : of the log.
        user, item : their numbers, from 0, shape [B].
        when : times, as shares of the log's duration, shape [B].
        """
        taste = turned(truth.tastes[0, user], truth.tastes[1, user], self.taste_drift * when[:, None])
        preference = np.einsum("nk,nk->n", taste, truth.vectors[item]) / self.rank**0.5
        item_bias = turned(truth.item_bias[0, item], truth.item_bias[1, item], self.popularity_drift * when)
        logit = self.preference_std * preference + self.bias_std * (truth.user_bias[user] + item_bias)
        return np.asarray(1 / (1 + np.exp(-logit)))

    def attention(self) -> float:
        """Return the share of the rows of a session that its user looks at, on average."""
        return float(np.mean(self.patience ** np.arange(self.shown)))

    def _chunks(self, truth: Truth) -> Iterator[Chunk]:
        n_sessions, shown = -(-self.n_rows // self.shown), self.shown
        each = max(CHUNK_ROWS // shown, 1)
        for first in range(0, n_sessions, each):
            rng = numpy_generator(self.seed, f"sessions from {first}")
            numbers = np.arange(first, min(first + each, n_sessions))
            # A session begins in the first half of its share of the time and ends in it.
            when = (numbers + rng.random(len(numbers)) / 2) / n_sessions
            user = truth.users.draw(truth.activity, when, rng)
            user, row_when = np.repeat(user, shown), np.repeat(when, shown)
            item = self._items(truth, row_when, rng)
            taken = rng.random(len(item)) < (likes := self.probability(truth, user, item, row_when))
            goes_on = rng.random((len(numbers), shown)) < self.patience
            goes_on[:, 0] = True
            taken &= np.logical_and.accumulate(goes_on, axis=1).ravel()
            kept = slice(0, self.n_rows - first * shown)
            yield Chunk(
                label=taken[kept].astype(np.float32),
                entities={"user": user[kept], "item": item[kept]},
                time=self._times(when, n_sessions)[kept],
                oracle=(self.attention() * likes[kept]).astype(np.float32),
            )

    def _items(self, truth: Truth, when: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int32]:
        """Draw an item for each row by its popularity at a time, ascending, shape [B]."""
        found = []
        pieces = np.arange(int(when[0] * PIECES), int(when[-1] * PIECES) + 1)
        bounds = np.searchsorted(when, pieces / PIECES).tolist()
        for piece, first, last in zip(pieces, bounds, [*bounds[1:], len(when)], strict=True):
            scores = turned(truth.scores[0], truth.scores[1], self.popularity_drift * (piece + 0.5) / PIECES)
            popularity = np.empty(self.n_items)
            popularity[np.argsort(-scores)] = self._by_rank(np.arange(self.n_items))
            found.append(truth.items.draw(popularity, when[first:last], rng))
        return np.concatenate(found)

    def _times(self, when: NDArray[np.float64], n_sessions: int) -> NDArray[np.int64]:
        """Return the second of each row of sessions that begin at some times, int64, shape [B]."""
        seconds = self.days * DAY
        step = min(SECONDS_BETWEEN_ROWS, seconds / n_sessions / 2 / self.shown)
        return START + (when[:, None] * seconds + step * np.arange(self.shown)).astype(np.int64).ravel()
