"""Many small networks of one shape, each with weights of its own, run as batched matrix products."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import mish, relu

Activation = Literal["sine", "relu", "mish"]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"sine": torch.sin, "relu": relu, "mish": mish}

FEW = 8


@dataclass(frozen=True)
class NetworkShape:
    """The shape that all sub-networks share.

    Parameters
    ----------
    inputs, outputs : numbers that go in and come out.
    width : of the hidden layers.
    depth : matrices of width × width; one hidden layer comes before the first.
    """

    inputs: int
    outputs: int
    width: int
    depth: int

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Inputs and outputs of each layer."""
        widths = [self.inputs, *[self.width] * (self.depth + 1), self.outputs]
        return list(pairwise(widths))

    @property
    def weights(self) -> int:
        """Numbers in one network."""
        return sum((into + 1) * out for into, out in self.layers)

    @property
    def flops(self) -> int:
        """Floating-point operations of one network for one point, a multiplication and an addition being two.

        Those of the activations are left out, as is usual.
        """
        return sum((2 * into + 1) * out for into, out in self.layers)


class SubNetworks(nn.Module):
    """Independent networks: sine (SIREN, Sitzmann et al., NeurIPS 2020), ReLU or Mish in between, linear at the end.

    A SIREN computes sin(ω0·(W·x + b)). Here ω0 is inside the weights, which changes nothing but the step of an
    optimiser: Adam at a rate of r moves them as it moves a SIREN's at r/ω0 (1e-4 there is 3e-3 here), so that they
    train at the rate of other weights.

    Parameters
    ----------
    cells : number of networks.
    shape : of each.
    activation : between layers.
    omega : ω0, frequencies of the first layer, where the activation is sine.
    """

    def __init__(self, cells: int, shape: NetworkShape, activation: Activation = "sine", omega: float = 30.0) -> None:
        super().__init__()
        self.cells, self.shape, self.activation, self.omega = cells, shape, activation, omega
        # One tensor for all layers: a short header in files, and few kernels for the optimiser.
        self.weights = nn.Parameter(torch.zeros(cells, shape.weights))

    def layers(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the matrices [cells, inputs, outputs] and biases [cells, 1, outputs] of each layer, as views."""
        sizes = [size for into, out in self.shape.layers for size in (into * out, out)]
        parts = self.weights.split(sizes, 1)
        for (into, out), matrix, bias in zip(self.shape.layers, parts[::2], parts[1::2], strict=True):
            yield matrix.view(self.cells, into, out), bias.view(self.cells, 1, out)

    def hidden(self, points: Tensor) -> Tensor:
        """Return what goes into the last layer, shape [cells, n, width]; see `forward`."""
        activate = ACTIVATIONS[self.activation]
        points = points.to(self.weights.dtype)
        *before, _ = self.layers()
        for matrix, bias in before:
            points = activate(torch.baddbmm(bias, points, matrix))
        return points

    def forward(self, points: Tensor) -> Tensor:
        """Map points [cells, n, inputs], those of a cell by its own network, to [cells, n, outputs]."""
        *_, (matrix, bias) = self.layers()
        return torch.baddbmm(bias, self.hidden(points), matrix)

    def reset(self, generator: torch.Generator) -> None:
        """Draw initial weights: for sines those of SIREN, for others He's (2015), the biases uniform."""
        with torch.no_grad():
            for index, (matrix, bias) in enumerate(self.layers()):
                into = matrix.shape[1]
                first = self.omega if self.activation == "sine" else sqrt(6 * into)
                limit = first / into if index == 0 else sqrt(6 / into)
                matrix.uniform_(-limit, limit, generator=generator)
                limit = (self.omega if self.activation == "sine" and index == 0 else 1) / sqrt(into)
                bias.uniform_(-limit, limit, generator=generator)

    def scale_outputs(self, points: Tensor, std: float) -> None:
        """Shift and scale the last layers so that at these points outputs have mean 0 and this standard deviation.

        Few points do not tell what is common to all: they are scaled alone.

        Parameters
        ----------
        points : shape [cells, n, inputs].
        std : over all networks, of deviations from each output's own mean.
        """
        with torch.no_grad():
            *_, (matrix, bias) = self.layers()
            found = self(points)
            mean = found.mean(1, keepdim=True) if found.shape[1] >= FEW else torch.zeros_like(bias)
            factor = std / float((found - mean).square().mean().sqrt().clamp(min=1e-6))
            matrix.mul_(factor)
            bias.sub_(mean).mul_(factor)
