"""Sizes by frequency."""

from cadc.errors import require_at_least
from cadc.streams.policy import Policy, Sizes, StreamState


class Frequency(Policy):
    """A row that has occurred c times is about λ·c^α long.

    Parameters
    ----------
    alpha : α, not negative.
    """

    def __init__(self, alpha: float = 0.5) -> None:
        require_at_least(0, "policy", alpha=alpha)
        self.alpha = alpha

    def sizes(self, state: StreamState) -> Sizes:
        """Return the sizes of a segment."""
        return state.sizes_by({side: counts.double() ** self.alpha for side, counts in state.counts.items()})
