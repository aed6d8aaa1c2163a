"""Several MLPs of the same shape, computed together."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class MLPEnsemble(nn.Module):
    """M multi-layer perceptrons with ReLU between the layers, of the same inputs; their last layers start at 0.

    Parameters
    ----------
    sizes : widths, input first; the last one is the output's.
    n_members : M.
    generator : draws the initial weights, uniform in ±sqrt(6/fan in) (He et al., ICCV 2015); biases are 0.
    dropout : probability that a hidden unit of a member is dropped in training.
    """

    def __init__(self, sizes: Sequence[int], n_members: int, generator: torch.Generator, dropout: float = 0.0) -> None:
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for n_in, n_out in pairwise(sizes):
            weight, bound = torch.empty(n_members, n_in, n_out), (6 / n_in) ** 0.5
            self.weights.append(nn.Parameter(weight.uniform_(-bound, bound, generator=generator)))
            self.biases.append(nn.Parameter(torch.zeros(n_members, 1, n_out)))
        nn.init.zeros_(self.weights[-1])
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs of all members, shape [M, B, n_out], for inputs of shape [B, n_in]."""
        last = len(self.weights) - 1
        found = inputs.expand(len(self.weights[0]), *inputs.shape)
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            found = torch.baddbmm(bias, found, weight)
            if number < last:
                found = self.dropout(found.relu())
        return found
