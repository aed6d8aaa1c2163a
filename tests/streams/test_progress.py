"""The checkpoint of a stream."""

import torch

from cadc.streams.policy import Policy
from cadc.streams.progress import StreamProgress
from cadc.streams.reservoir import Reservoir


class Remembering(Policy):
    """Knows one tensor by two names, and a part of it by a third."""

    def __init__(self):
        self.known = torch.arange(6.0)

    def sizes(self, state):
        raise NotImplementedError

    def state(self):
        return {"known": self.known, "again": self.known, "part": self.known[2:4]}

    def resume(self, state):
        self.found = dict(state)


def test_tensors_that_share_memory_are_kept(tmp_path):
    StreamProgress(Remembering(), Reservoir()).save(tmp_path / "stream")
    other = StreamProgress(Remembering(), Reservoir())
    other.load(tmp_path / "stream")
    assert {name: own.tolist() for name, own in other.policy.found.items()} == {
        "known": [0, 1, 2, 3, 4, 5],
        "again": [0, 1, 2, 3, 4, 5],
        "part": [2, 3],
    }
