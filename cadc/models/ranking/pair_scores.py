"""Scores of pairs of users and items, from a representation of each side."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cadc.models.ranking.pair_scorers import DotScorer, MLPScorer

N_HIDDEN = 1 << 24
"""Hidden units of an MLP scorer held at a time: 64 MB of float32."""


@dataclass(frozen=True)
class Side:
    """The representation of users, or of items, in the score u·v + bias (+ MLP(u', v')).

    Parameters
    ----------
    vectors : u of users, v of items, shape [n, k].
    outputs : u' of users, v' of items, as the scorer transformed them, shape [n, h]; part of `vectors` if the scorer is
        a product.
    bias : of items, shape [n]; None for users, and if there is none.
    """

    vectors: Tensor
    outputs: Tensor
    bias: Tensor | None = None

    def at(self, places: Tensor) -> "Side":
        """Return the representation of some rows, int64, shape [m]."""
        bias = None if self.bias is None else self.bias[places]
        return Side(self.vectors[places], self.outputs[places], bias)


def pair_scores(scorer: DotScorer | MLPScorer, user: Side, item: Side, columns: Tensor | None = None) -> Tensor:
    """Return the scores of B users and m items.

    Parameters
    ----------
    scorer : that transformed the outputs of both sides.
    user, item : the two sides.
    columns : items that each user is scored with, int64, shape [B, c]; None for all m items.

    Returns
    -------
    scores : shape [B, m], or [B, c].
    """
    if columns is None:
        scores = user.vectors @ item.vectors.T
    else:
        scores = (user.vectors.unsqueeze(1) * item.vectors[columns]).sum(2)
    if item.bias is not None:
        scores = scores + (item.bias if columns is None else item.bias[columns])
    if isinstance(scorer, MLPScorer):
        scores = scores + _mlp_scores(scorer, user.outputs, item.outputs, columns)
    return scores


def _mlp_scores(scorer: MLPScorer, users: Tensor, items: Tensor, columns: Tensor | None) -> Tensor:
    n_columns = len(items) if columns is None else columns.shape[1]
    step = max(1, N_HIDDEN // (n_columns * users.shape[1]))
    return torch.cat(
        [
            scorer(part.unsqueeze(1), items if columns is None else items[columns[first : first + step]])
            for first, part in zip(range(0, len(users), step), users.split(step), strict=True)
        ]
    )
