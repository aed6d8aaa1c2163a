"""The parameters of logistic matrix factorisation, whichever solver finds them, and their loss."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from cadc.factorization.examples import ExampleParts

PIECE = 1 << 13
"""Pairs that are scored at once."""


@dataclass(frozen=True)
class Solution:
    """Vectors and biases of two fields.

    Parameters
    ----------
    vectors : vectors of both fields, shape [vocabulary size, dim] each.
    biases : biases of both fields, shape [vocabulary size] each.
    global_bias : bias of all rows.
    epochs : number of epochs, or passes, of the fit.
    penalties : penalties that it came to, by name.
    """

    vectors: Sequence[Tensor]
    biases: Sequence[Tensor]
    global_bias: float
    epochs: int
    penalties: dict[str, float]

    @classmethod
    def at(cls, vectors: Sequence[Tensor]) -> "Solution":
        """Return the point of given vectors with all biases at zero."""
        return cls(vectors, [torch.zeros(len(own)) for own in vectors], 0.0, 0, {})


def mean_loss(examples: ExampleParts, state: Sequence[Tensor]) -> float:
    """Return the mean logloss of examples, which are read part by part; see `split_state` for the parameters."""
    total = 0.0
    for part in examples.parts():
        logits = pair_logits(part.ids, *split_state(state))
        total += float(binary_cross_entropy_with_logits(logits, part.labels, reduction="sum"))
    return total / len(examples)


def split_state(state: Sequence[Tensor]) -> tuple[Sequence[Tensor], Sequence[Tensor], Tensor]:
    """Return both tables of vectors, both tables of biases, and the global bias."""
    return state[:2], state[2:4], state[4]


def pair_logits(
    ids: tuple[Tensor, Tensor], tables: Sequence[Tensor], biases: Sequence[Tensor], global_bias: Tensor
) -> Tensor:
    """Return u·v + b_u + b_v + b for pairs of ids, shape [n], computed piece by piece."""
    ones = [torch.ones(len(bias), 1) for bias in biases]
    left = torch.cat([tables[0], biases[0][:, None], ones[0]], 1)
    right = torch.cat([tables[1], ones[1], biases[1][:, None]], 1)
    pieces = [
        (left.index_select(0, first) * right.index_select(0, second)).sum(1) + global_bias
        for first, second in zip(*(column.split(PIECE) for column in ids), strict=True)
    ]
    return torch.cat(pieces)
