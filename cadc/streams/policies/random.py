"""The sizes of frequencies, dealt at random: a control."""

import torch

from cadc.streams.policies.frequency import Frequency
from cadc.streams.policy import Sizes, StreamState


class Random(Frequency):
    """The sizes that `Frequency` gives to a side, dealt to its rows at random in each segment.

    Parameters
    ----------
    alpha, half_life : see `Frequency`.
    """

    def sizes(self, state: StreamState) -> Sizes:
        """Return the sizes of a segment."""
        return {
            side: own[torch.randperm(len(own), generator=state.generator)] for side, own in super().sizes(state).items()
        }
