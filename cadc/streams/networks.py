"""Small networks of policies, whose initial weights are drawn from a given generator."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn


def network(widths: Sequence[int], generator: torch.Generator) -> nn.Sequential:
    """Return linear layers with ReLU between them; weights and biases are uniform in ±1/sqrt(fan in).

    >>> network((4, 8, 2), torch.Generator().manual_seed(0))(torch.ones(3, 4)).shape
    torch.Size([3, 2])
    """
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        with torch.random.fork_rng(devices=[]):  # leaves the global generator as it is
            layer = nn.Linear(n_in, n_out)
        for values in layer.parameters():
            nn.init.uniform_(values, -(n_in**-0.5), n_in**-0.5, generator=generator)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])
