"""How the outputs of two towers become the score of a pair.

Each scorer prepares users and items apart, so that scoring all pairs of a batch of users and all items costs one matrix
product (dot, cosine) or the upper layers of an MLP alone (mlp).
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from cadc.models.mlp import linear
from cadc.models.tower import start_at_zero


class DotScorer(nn.Module):
    """u·v."""

    is_product = True
    """The score is the product of what `users` and `items` return."""

    def users(self, outputs: Tensor) -> Tensor:
        """Prepare outputs of the user tower, shape [B, w]."""
        return outputs

    def items(self, outputs: Tensor) -> Tensor:
        """Prepare outputs of the item tower, shape [n, w]."""
        return outputs


class CosineScorer(DotScorer):
    """cos(u, v) / temperature, the temperature learned.

    Parameters
    ----------
    temperature : it starts from.
    gated : multiply by a learned gate that starts at 0, so that training starts from other parts of a score.
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

    The first layer above the compressions is linear in each of them, so its share of users and items is computed once
    for each user and item, and not for each pair.

    Parameters
    ----------
    width : of the towers' outputs.
    compression : width that each of them is compressed to.
    hidden : hidden widths.
    generator : of the initial weights.
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
        """Map outputs of the user tower [B, w] to their share of the first layer, [B, h]."""
        compressed = self.compress_user(outputs)
        return compressed @ self.first.weight[:, : compressed.shape[1]].T + self.first.bias

    def items(self, outputs: Tensor) -> Tensor:
        """Map outputs of the item tower [n, w] to their share of the first layer, [n, h]."""
        compressed = self.compress_item(outputs)
        return compressed @ self.first.weight[:, -compressed.shape[1] :].T

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the scores of prepared users and items whose leading dimensions broadcast, such as [B, 1] and [n]."""
        hidden = gelu(users + items)
        for layer in self.upper[:-1]:
            hidden = gelu(layer(hidden))
        scores: Tensor = self.upper[-1](hidden).squeeze(-1)
        return scores
