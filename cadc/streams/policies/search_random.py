"""Random search: a control for policies that learn."""

import torch
from torch import Tensor

from cadc.streams.action_search import N_NUMBERS, ActionSearch
from cadc.streams.policy import StreamState


class SearchRandom(ActionSearch):
    """Tries uniform actions, see `ActionSearch`."""

    def propose(self, number: int, state: StreamState) -> Tensor:
        """Return the action that is tried next."""
        return torch.rand(N_NUMBERS, generator=state.generator)
