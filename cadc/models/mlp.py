"""Multi-layer perceptrons whose initial weights are drawn from a given generator."""

from collections.abc import Sequence
from itertools import pairwise, zip_longest
from typing import TypeGuard, TypeVar

import torch
from torch import Tensor, nn

from cadc.models.fused_linear import linear_relu

Kind = TypeVar("Kind", bound=nn.Module)


class MLP(nn.Sequential):
    """Layers one after the other; a linear layer and a ReLU behind it are computed at once."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the output of the last layer, shape [B, n_out], for inputs of shape [B, n_in]."""
        is_done = False
        for layer, after in zip_longest(self, [*self][1:]):
            if is_done:
                is_done = False
            elif _is_plain(layer, nn.Linear):
                is_done = _is_plain(after, nn.ReLU)
                inputs = linear_relu(inputs, layer, relu=is_done)
            else:
                inputs = layer(inputs)
        return inputs


def _is_plain(layer: nn.Module | None, kind: type[Kind]) -> TypeGuard[Kind]:
    """Tell whether a layer is just of a kind: with no hooks, and no subclass, as with a parametrisation."""
    return type(layer) is kind and not any(
        getattr(layer, hooks)
        for hooks in ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
    )


def _blank(n_in: int, n_out: int) -> nn.Linear:
    """Return a linear layer that leaves torch's global generator as it is; `skip_init` imports a compiler for that."""
    with torch.random.fork_rng(devices=[]):
        return nn.Linear(n_in, n_out)


def linear(n_in: int, n_out: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear layer; weights and biases are uniform in ±1/sqrt(fan in), as in `torch.nn.Linear`."""
    layer = _blank(n_in, n_out)
    bound = n_in**-0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


def mlp_linear(n_in: int, n_out: int, generator: torch.Generator, *, relu: bool) -> nn.Linear:
    """Return a linear layer of an MLP with biases 0.

    Weights before a ReLU are uniform in ±sqrt(6/fan in) (He et al., ICCV 2015), those of an output in ±1/sqrt(fan in).

    Signals, and gradients, keep their size from layer to layer. With the weights of `linear` each layer makes them
    about 2.5 times smaller, and what reaches small embedding vectors at first is less than the pull of their decay.
    """
    layer = _blank(n_in, n_out)
    bound = ((6 if relu else 1) / n_in) ** 0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def mlp(sizes: Sequence[int], generator: torch.Generator, *, last_relu: bool, dropout: float = 0.0) -> MLP:
    """Return linear layers of the given widths with ReLU between them.

    Parameters
    ----------
    sizes : widths, input first.
    generator : draws the initial weights, see `mlp_linear`.
    last_relu : whether a ReLU follows the last layer, too.
    dropout : probability that a hidden unit, after its ReLU, is dropped in training.
    """
    layers: list[nn.Module] = []
    n_layers = len(sizes) - 1
    for number, (n_in, n_out) in enumerate(pairwise(sizes), 1):
        relu = last_relu or number < n_layers
        layers.append(mlp_linear(n_in, n_out, generator, relu=relu))
        if relu:
            layers.append(nn.ReLU())
        if dropout and number < n_layers:
            layers.append(nn.Dropout(dropout))
    return MLP(*layers)
