"""One tower of a two-tower network: field vectors in, one vector out."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from cadc.models.mlp import linear


def tower(
    n_in: int, hidden: tuple[int, ...], width: int, generator: torch.Generator, *, layer_norm: bool, dropout: float
) -> nn.Sequential:
    """Return an MLP with GELU (Hendrycks & Gimpel, arXiv 1606.08415) after each hidden layer.

    Parameters
    ----------
    n_in : total length of the field vectors of the side.
    hidden : hidden widths; an empty tuple gives one linear layer.
    width : of the output.
    generator : draws the initial weights.
    layer_norm : whether layer normalisation precedes each GELU.
    dropout : probability that a hidden unit is dropped in training.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise((n_in, *hidden)):
        layers += [linear(before, after, generator), *([nn.LayerNorm(after)] if layer_norm else []), nn.GELU()]
        layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, linear((n_in, *hidden)[-1], width, generator))


def start_at_zero(layer: nn.Module) -> None:
    """Set weight and bias of a linear layer to 0."""
    assert isinstance(layer, nn.Linear)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


class DenseVector(nn.Module):
    """Appends a linear map of the dense features to the field vectors, as one more vector of the same length.

    Parameters
    ----------
    n_dense : number of dense features.
    dim : length of the vectors.
    generator : draws the initial weights.
    """

    def __init__(self, n_dense: int, dim: int, generator: torch.Generator) -> None:
        super().__init__()
        self.linear = linear(n_dense, dim, generator)

    def forward(self, vectors: Tensor, dense: Tensor) -> Tensor:
        """Map vectors [B, F, dim] and features [B, n_dense] to vectors [B, F + 1, dim]."""
        return torch.cat([vectors, self.linear(dense).unsqueeze(1)], 1)
