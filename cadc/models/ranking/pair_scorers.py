"""Scores of pairs from the outputs of two towers: dot product, cosine, or an MLP.

Each scorer transforms users and items separately, so that scoring all items for a batch of users costs one matrix
product (dot, cosine), or only the upper layers of an MLP (mlp).
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from cadc.models.mlp import linear
from cadc.models.ranking.tower import start_at_zero


class DotScorer(nn.Module):
    """u·v."""

    is_product = True
    """Whether the score is the dot product of what `users` and `items` return."""

    def users(self, outputs: Tensor) -> Tensor:
        """Transform outputs of the user tower, shape [B, w]."""
        return outputs

    def items(self, outputs: Tensor) -> Tensor:
        """Transform outputs of the item tower, shape [n, w]."""
        return outputs


class CosineScorer(DotScorer):
    """cos(u, v) / temperature, where the temperature is learned.

    Parameters
    ----------
    temperature : initial value.
    gated : multiply by a learned gate that starts at 0, so that the other terms of a score are alone at first.
    """

    def __init__(self, temperature: float, *, gated: bool) -> None:
        super().__init__()
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)))
        self.gate = nn.Parameter(torch.zeros(())) if gated else None

    def users(self, outputs: Tensor) -> Tensor:
        """Normalise and divide by the temperature."""
        scale = (-self.log_temperature).exp()
        return normalize(outputs) * (scale if self.gate is None else scale * self.gate)

    def items(self, outputs: Tensor) -> Tensor:
        """Normalise."""
        return normalize(outputs)


class MLPScorer(nn.Module):
    """MLP([C_u u, C_v v]) with learned compressions C_u, C_v and GELU between the layers.

    The first layer above the compressions is linear in both, so its user part and its item part are computed once for
    each user and item instead of once for each pair.

    Parameters
    ----------
    width : of the towers' outputs, w.
    compression : width after compression.
    hidden : hidden widths, the first of them h.
    generator : draws the initial weights.
    starts_at_zero : whether the last layer starts at 0.
    """

    is_product = False

    def __init__(
        self, width: int, compression: int, hidden: tuple[int, ...], generator: torch.Generator, *, starts_at_zero: bool
    ) -> None:
        super().__init__()
        self.compress_user = linear(width, compression, generator)
        self.compress_item = linear(width, compression, generator)
        self.first = linear(2 * compression, hidden[0], generator)
        self.upper = nn.ModuleList(linear(before, after, generator) for before, after in pairwise((*hidden, 1)))
        if starts_at_zero:
            start_at_zero(self.upper[-1])

    def users(self, outputs: Tensor) -> Tensor:
        """Map outputs of the user tower [B, w] to the user part of the first layer, [B, h]."""
        compressed = self.compress_user(outputs)
        return compressed @ self.first.weight[:, : compressed.shape[1]].T + self.first.bias

    def items(self, outputs: Tensor) -> Tensor:
        """Map outputs of the item tower [n, w] to the item part of the first layer, [n, h]."""
        compressed = self.compress_item(outputs)
        return compressed @ self.first.weight[:, -compressed.shape[1] :].T

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Return scores of transformed users and items, whose leading dimensions broadcast, such as [B, 1] and [n]."""
        hidden = gelu(users + items)
        for layer in self.upper[:-1]:
            hidden = gelu(layer(hidden))
        scores: Tensor = self.upper[-1](hidden).squeeze(-1)
        return scores
