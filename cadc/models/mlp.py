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


def relu_linear(n_in: int, n_out: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear layer beside a ReLU; weights are uniform in ±sqrt(6/fan in), biases 0 (He et al., ICCV 2015).

    Signals, and gradients, keep their size from layer to layer. With the weights of `linear` each layer makes them
    about 2.5 times smaller, and what reaches small embedding vectors at first is less than the pull of their decay.
    """
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
    bound = (6 / n_in) ** 0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def mlp(sizes: Sequence[int], generator: torch.Generator, *, last_relu: bool) -> nn.Sequential:
    """Return linear layers of the given widths with ReLU between them.

    Parameters
    ----------
    sizes : widths, input first.
    generator : draws the initial weights, see `relu_linear`.
    last_relu : whether a ReLU follows the last layer, too.
    """
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [relu_linear(n_in, n_out, generator), nn.ReLU()]
    return nn.Sequential(*(layers if last_relu else layers[:-1]))
