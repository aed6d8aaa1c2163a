"""Base class of policies: how large the rows of users and items are, segment by segment."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cadc.data.schema import EntitySide
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
    total : the budget: numbers of the rows of both sides together.
    most : numbers of a row at most.
    value_of : trains a model of some sizes for a few steps, and returns its metric on the validation part, the larger
        the better.
    generator : of all random choices.
    """

    segment: int
    counts: Mapping[EntitySide, Tensor]
    recent: Mapping[EntitySide, Tensor]
    before: Sizes | None
    total: int
    most: int
    value_of: Callable[[Sizes], float]
    generator: torch.Generator

    def sizes_by(self, weights: Mapping[EntitySide, Tensor]) -> Sizes:
        """Return sizes that follow weights and meet the budget exactly, see `sizes_within`."""
        sides = list(self.counts)
        lengths = [len(self.counts[side]) for side in sides]
        found = sizes_within(torch.cat([weights[side] for side in sides]), self.total, self.most)
        return dict(zip(sides, found.split(lengths), strict=True))


class Policy(ABC):
    """Gives each row a size, from 1 to the most, so that all together meet the budget.

    A subclass takes its options as keyword arguments. What it learns from segment to segment it returns in `state` and
    takes in `resume`, so that a stream goes on later as if it had not stopped.
    """

    @abstractmethod
    def sizes(self, state: StreamState) -> Sizes:
        """Return the sizes of a segment."""

    def learn(self, state: StreamState, sizes: Sizes, value: float) -> None:  # noqa: B027
        """Learn from a segment that is trained.

        Parameters
        ----------
        state, sizes : of the segment.
        value : its metric on the validation part, the larger the better.
        """

    def state(self) -> dict[str, Tensor]:
        """Return what it has learnt, as tensors."""
        return {}

    def resume(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Take what `state` returned."""
