"""Sharded tables take the steps of those that one process holds."""

import pytest
import torch

from cadc.distributed.ranks import current_ranks
from tests.embeddings.sharded.steps import network_of, train
from tests.support.ranks import on_ranks


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("n_processes", [2, 3])
def test_losses_of_100_steps_are_those_of_one_process(log, tmp_path, n_processes, lazy):
    expected, _ = train(network_of(log), log, 100, lazy)

    def own():
        ranks = current_ranks()
        return train(network_of(log, ranks), log, 100, lazy, ranks)[0]

    for losses in on_ranks(n_processes, tmp_path, own):
        assert torch.tensor(losses).sub(torch.tensor(expected)).abs().max() <= 1e-6
