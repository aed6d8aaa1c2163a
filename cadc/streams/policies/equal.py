"""All rows alike."""

from torch import ones_like

from cadc.streams.policy import Policy, Sizes, StreamState


class Equal(Policy):
    """Every row has the same size, but for what a whole number leaves over."""

    def sizes(self, state: StreamState) -> Sizes:
        """Return the sizes of a segment."""
        return state.sizes_by({side: ones_like(counts) for side, counts in state.counts.items()})
