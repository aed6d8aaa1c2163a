"""Base class of policies that try sizes of three numbers in each segment, and take the best on validation."""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from cadc.errors import require_at_least
from cadc.streams.policy import Policy, Sizes, StreamState
from cadc.streams.power_law import sizes_of_action

N_NUMBERS = 3
"""Numbers of an action: the users' share of the budget, and an exponent of each side."""


class ActionSearch(Policy):
    """Tries actions in each segment, see `sizes_of_action`, and takes the one whose model is best on validation.

    All subclasses try the same number of sizes: first equal ones, then the best action of the segment before, then what
    the subclass proposes.

    Parameters
    ----------
    evaluations : models that are trained to choose the sizes of a segment, at least 1.
    steps : most steps of their training, at least 1.
    """

    def __init__(self, evaluations: int = 12, steps: int = 100) -> None:
        require_at_least(1, "policy", evaluations=evaluations, steps=steps)
        self.evaluations, self.steps = evaluations, steps
        self.best: Tensor | None = None
        """The action that the segment before took."""

    def sizes(self, state: StreamState) -> Sizes:
        """Return the sizes of a segment."""
        sizes = state.sizes_by({side: torch.ones_like(counts) for side, counts in state.counts.items()})
        reference = state.value_of(sizes, self.steps)
        self.begin(state, sizes)
        best, highest = None, reference
        for number in range(1, self.evaluations):
            action = self.best if number == 1 and self.best is not None else self.propose(number, state)
            found = self.sizes_of(state, action)
            value = state.value_of(found, self.steps)
            self.note(action, found, (value - reference) / max(abs(reference), 1e-12))
            if value > highest:
                best, highest, sizes = action, value, found
        # An action is kept over a segment in which equal sizes are best.
        self.best = self.best if best is None else best
        return sizes

    def sizes_of(self, state: StreamState, action: Tensor) -> Sizes:
        """Return the sizes of an action."""
        return sizes_of_action(state, action)

    def begin(self, state: StreamState, sizes: Sizes) -> None:
        """Begin a segment, of which equal sizes were tried."""

    @abstractmethod
    def propose(self, number: int, state: StreamState) -> Tensor:
        """Return the action that is tried next, in [0, 1], float32, shape [3].

        Parameters
        ----------
        number : sizes that were tried in this segment.
        state : of the segment, whose generator draws.
        """

    def note(self, action: Tensor, sizes: Sizes, gain: float) -> None:
        """Take what an action brought.

        Parameters
        ----------
        action, sizes : that were tried.
        gain : by how much its value exceeds that of equal sizes, as a share of that.
        """

    def state(self) -> dict[str, Tensor]:
        """Return the best action of the last segment."""
        return {} if self.best is None else {"best": self.best}

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Take what `state` returned."""
        self.best = state.get("best")
