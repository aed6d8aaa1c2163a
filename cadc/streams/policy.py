"""Base class of policies: how large the rows of users and items are, segment by segment."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from cadc.data.schema import EntitySide
from cadc.errors import UsageError
from cadc.streams.sizes import sizes_within

Sizes = Mapping[EntitySide, Tensor]
"""Size of each row of a side's table, *unknown* first, int64, shape [n + 1]."""


@dataclass(frozen=True)
class StreamState:
    """What is known when a segment begins to train.

    Parameters
    ----------
    segment : its number, from 0.
    counts : of each side, training rows of each id so far, those of this segment among them, int64, shape [n + 1].
    recent : those of this segment and of what it replays, int64, shape [n + 1].
    before : the sizes of the segment before; None in the first. Ids that have arrived since are not among them.
    pairs : users and items of the rows that train, those that are replayed first, by id, int64, shape [m] each.
    total : the budget: numbers of the rows of both sides together.
    most : numbers of a row at most.
    vectors : returns, of a side, the vectors of the rows of the model before, zero beyond their sizes and for ids that
        have arrived since, float32, shape [n + 1, most].
    value_of : trains a model of some sizes, which starts as that of the segment will, on the training rows for so many
        steps at most, and returns its metric on the validation rows, the larger the better. Equal sizes give equal
        values.
    generator : of all random choices.
    """

    segment: int
    counts: Mapping[EntitySide, Tensor]
    recent: Mapping[EntitySide, Tensor]
    before: Sizes | None
    pairs: tuple[Tensor, Tensor]
    total: int
    most: int
    vectors: Callable[[EntitySide], Tensor]
    value_of: Callable[[Sizes, int], float]
    generator: torch.Generator

    def sizes_by(self, weights: Mapping[EntitySide, Tensor]) -> Sizes:
        """Return sizes that follow weights and meet the budget exactly, see `sizes_within`."""
        sides = list(self.counts)
        lengths = [len(self.counts[side]) for side in sides]
        found = sizes_within(torch.cat([weights[side] for side in sides]), self.total, self.most)
        return dict(zip(sides, found.split(lengths), strict=True))

    def require_within(self, sizes: Sizes, policy: str) -> None:
        """Raise a UsageError for sizes, of the policy of a name, that are not one a row, or break bounds or budget."""
        for side, counts in self.counts.items():
            own = sizes.get(side)
            if own is None or own.dtype != torch.int64 or own.shape != counts.shape:
                found = "nothing" if own is None else f"{own.dtype} of shape {list(own.shape)}"
                raise UsageError(
                    f"{policy} gives {found} as the sizes of {side} rows; expected int64 of shape {list(counts.shape)}."
                )
            if int(own.min()) < 1 or int(own.max()) > self.most:
                raise UsageError(
                    f"{policy} gives {side} rows sizes from {int(own.min())} to {int(own.max())}; expected numbers "
                    f"from 1 to {self.most}."
                )
        given = sum(int(sizes[side].sum()) for side in self.counts)
        if given > self.total:
            raise UsageError(
                f"{policy} gives rows {given} numbers together; expected at most the budget, {self.total}. Have "
                "sizes_by of the state turn weights into sizes."
            )


class Losses(NamedTuple):
    """Losses of the rows of a part, the smaller the better.

    Parameters
    ----------
    users, items : of the rows, or of those with label 1 if items are ranked, by id, int64, shape [m].
    values : -log of the probability of the label, or 1 - 1 / log2(1 + rank), float64, shape [m].
    """

    users: Tensor
    items: Tensor
    values: Tensor


@dataclass(frozen=True)
class Judged:
    """What the model of a segment, trained to its end, reaches on the validation rows.

    Parameters
    ----------
    value : its metric, the larger the better.
    losses : returns those of the rows.
    """

    value: float
    losses: Callable[[], Losses]


class Policy(ABC):
    """Gives each row a size, from 1 to the most, so that all together meet the budget.

    A subclass takes its options as keyword arguments. What it learns from segment to segment it returns in `state` and
    takes in `resume`, so that a stream goes on later as if it had not stopped.
    """

    @abstractmethod
    def sizes(self, state: StreamState) -> Sizes:
        """Return the sizes of a segment."""

    def learn(self, state: StreamState, sizes: Sizes, judged: Judged) -> None:  # noqa: B027
        """Learn from a segment that is trained; the test rows are read later.

        Parameters
        ----------
        state, sizes : of the segment.
        judged : its validation rows.
        """

    def grown(self, vectors: Tensor, before: Tensor, now: Tensor) -> Tensor | None:
        """Return the vectors that the known rows of a side start from; None leaves what is new to the initializer.

        Parameters
        ----------
        vectors : of the model before, zero beyond their sizes, float32, shape [n, most].
        before, now : sizes in the segment before and in this one, int64, shape [n].

        Returns
        -------
        vectors : shape [n, most]; of each row the columns from `before` to `now` are read.
        """
        return None

    def state(self) -> dict[str, Tensor]:
        """Return what it has learnt, as tensors."""
        return {}

    def resume(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Take what `state` returned."""
