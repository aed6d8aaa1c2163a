"""Fitting sub-networks to values at points, each network on its own, by least squares and Adam."""

import math
from collections.abc import Callable, Iterable
from typing import TypeAlias

import torch
from torch import Tensor

from cadc.adam import Adam
from cadc.embeddings.fitting.subnetworks import SubNetworks

Points: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Inputs [cells, n, inputs], wanted outputs [cells, n, outputs] and weights [cells, n] of squared errors, float32."""

CHECKS = 10
"""How often in a fit the errors at all points are looked at."""
RIDGE = 1e-6
"""Of the last layer's least squares, relative to the mean square of what goes in."""


def errors_of(network: SubNetworks, everything: Callable[[], Iterable[Points]]) -> Tensor:
    """Return the weighted sum of squared errors of each network over all points, float64, shape [cells]."""
    total = torch.zeros(network.cells, dtype=torch.float64)
    with torch.no_grad():
        for inputs, wanted, weight in everything():
            total += (weight.unsqueeze(2) * (network(inputs) - wanted).square()).sum((1, 2), dtype=torch.float64)
    return total


def solve_last_layer(network: SubNetworks, everything: Callable[[], Iterable[Points]]) -> None:
    """Give the last layers the weights of least squares; networks whose points all have weight 0 stay as they are."""
    width = network.shape.width + 1
    squares = torch.zeros(network.cells, width, width, dtype=torch.float64)
    products = torch.zeros(network.cells, width, network.shape.outputs, dtype=torch.float64)
    mass = torch.zeros(network.cells, dtype=torch.float64)
    with torch.no_grad():
        for inputs, wanted, weight in everything():
            features = network.hidden(inputs)
            features = torch.cat([features, features.new_ones(*features.shape[:2], 1)], 2).double()
            weighted = (features * weight.unsqueeze(2)).transpose(1, 2)
            squares += weighted @ features
            products += weighted @ wanted.double()
            mass += weight.sum(1, dtype=torch.float64)
        used = mass > 0
        ridge = RIDGE * squares.diagonal(dim1=1, dim2=2).mean(1).clamp(min=1e-30)
        squares += ridge.view(-1, 1, 1) * torch.eye(width, dtype=torch.float64)
        solved = torch.linalg.solve(squares, products).float()
        *_, (matrix, bias) = network.layers()
        matrix[used], bias[used] = solved[used, :-1], solved[used, -1:]


def regress(
    network: SubNetworks,
    everything: Callable[[], Iterable[Points]],
    draw: Callable[[], Points],
    steps: int,
    learning_rate: float,
    solve: bool = True,
) -> None:
    """Fit networks by Adam with a cosine decay; each ends with the best of the weights that were looked at.

    Those that it starts with are among them, so that no error grows. The networks do not see each other: the loss is
    the sum of their mean errors, and Adam takes no notice of its scale.

    Parameters
    ----------
    network : changed in place.
    everything : all points, in parts.
    draw : those of a step, such as a random share of them.
    steps : of Adam; 0 leaves least squares alone.
    learning_rate : of the first step.
    solve : whether the last layer is solved for before the first step and after the last.
    """
    best, least = network.weights.detach().clone(), errors_of(network, everything)

    def look() -> None:
        found = errors_of(network, everything)
        better = found < least
        best[better], least[better] = network.weights.detach()[better], found[better]

    if solve:
        solve_last_layer(network, everything)
        look()
        with torch.no_grad():
            network.weights.copy_(best)
    optimizer = Adam([{"params": [network.weights], "weight_decay": 0.0}], lr=learning_rate)
    every = -(-steps // CHECKS)
    for step in range(1, steps + 1):
        inputs, wanted, weight = draw()
        with torch.enable_grad():
            squared = (network(inputs) - wanted).square().mean(2)
            loss = ((weight * squared).sum(1) / weight.sum(1).clamp(min=1e-30)).sum()
            (network.weights.grad,) = torch.autograd.grad(loss, network.weights)
        optimizer.lr = learning_rate * (1 + math.cos(math.pi * (step - 1) / steps)) / 2
        optimizer.step()
        if step % every == 0 or step == steps:
            look()
    with torch.no_grad():
        network.weights.copy_(best)
        if solve and steps:
            solve_last_layer(network, everything)
            look()
            network.weights.copy_(best)
    network.weights.grad = None
