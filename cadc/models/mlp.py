"""Multi-layer perceptrons whose initial weights are drawn from a given generator."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn


def linear(n_in: int, n_out: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear layer; weights and biases are uniform in ±1/sqrt(fan in), as in `torch.nn.Linear`."""
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
    bound = n_in**-0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


def mlp(sizes: Sequence[int], generator: torch.Generator, *, last_relu: bool) -> nn.Sequential:
    """Return linear layers of the given widths with ReLU between them.

    Parameters
    ----------
    sizes : widths, input first.
    generator : draws the initial weights, see `linear`.
    last_relu : whether a ReLU follows the last layer, too.
    """
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [linear(n_in, n_out, generator), nn.ReLU()]
    return nn.Sequential(*(layers if last_relu else layers[:-1]))
