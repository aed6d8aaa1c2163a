"""Logistic matrix factorisation by alternating closed-form steps: all users, then all items, and so on."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from cadc.data.schema import UNKNOWN
from cadc.factorization.blocks import blocks_of
from cadc.factorization.early_stop import EarlyStop
from cadc.factorization.examples import Examples
from cadc.factorization.majorize import curvature, solve

HELD = 1e9
"""Penalty that keeps a vector at zero."""


@dataclass(frozen=True)
class Solution:
    """Vectors and biases of two fields.

    Parameters
    ----------
    vectors : vectors of both fields, shape [vocabulary size, dim] each.
    biases : biases of both fields, shape [vocabulary size] each.
    global_bias : bias of all rows.
    epochs : number of epochs, or passes, of the fit.
    """

    vectors: Sequence[Tensor]
    biases: Sequence[Tensor]
    global_bias: float
    epochs: int


class Side:
    """The values of one field: vector, bias and mean variance of each, and its rows in blocks.

    The last row of each table is padding.

    Parameters
    ----------
    ids, others : ids of this field and of the other field, int64, shape [n] each.
    labels : float32, shape [n].
    n_values, n_others : number of values of this field and of the other field.
    vectors : initial vectors, shape [n_values, dim].
    """

    def __init__(
        self, ids: Tensor, others: Tensor, labels: Tensor, n_values: int, n_others: int, vectors: Tensor
    ) -> None:
        self.dim = vectors.shape[1]
        counts = torch.bincount(ids, minlength=n_values)
        # The column of ones beside the vectors is multiplied with the other field's bias.
        self.features = torch.cat([vectors, torch.ones(n_values, 1)], 1)
        self.features[counts == 0, : self.dim] = 0
        self.features[UNKNOWN, : self.dim] = 0
        self.features = torch.cat([self.features, torch.zeros(1, self.dim + 1)])
        self.biases = torch.zeros(n_values)
        self.variances = torch.zeros(n_values + 1)
        others, labels = torch.cat([others, others.new_tensor([n_others])]), torch.cat([labels, labels.new_zeros(1)])
        self.blocks = [
            (block.values, block.rows, others[block.rows], labels[block.rows]) for block in blocks_of(ids, n_values)
        ]

    def update(self, other: "Side", logits: Tensor, penalties: Tensor, variational: bool, relaxation: float) -> None:
        """Take one step with all values of this field, while the other field is fixed; update the logits in place.

        Parameters
        ----------
        other : the other field.
        logits : logits of the rows, and one more for padding, shape [n + 1].
        penalties : penalties on vector and bias, shape [dim + 1].
        variational : whether the variance of the other field's vectors adds to the penalty.
        relaxation : factor of the steps; below 2 the bound, and with it the loss, still falls.
        """
        for values, rows, others, labels in self.blocks:
            shape = rows.shape
            features = other.features.index_select(0, others.flatten()).view(*shape, -1)
            z = logits.index_select(0, rows.flatten()).view(shape)
            probability = z.sigmoid()
            weights = curvature(z, probability)
            own = penalties.expand(len(values), -1).clone()
            if variational:
                spread = other.variances.index_select(0, others.flatten()).view(shape)
                own[:, : self.dim] += (weights * spread).sum(1, keepdim=True)
            own[values == UNKNOWN, : self.dim] = HELD
            parameters = torch.cat([self.features[values, : self.dim], self.biases[values, None]], 1)
            steps, variances = solve(features, weights, labels - probability, parameters, own)
            steps *= relaxation
            parameters += steps
            self.features[values, : self.dim] = parameters[:, : self.dim]
            self.biases[values] = parameters[:, self.dim]
            self.variances[values] = variances
            logits.index_copy_(0, rows.flatten(), (z + torch.bmm(features, steps[..., None])[..., 0]).flatten())


def fit_newton(
    examples: Examples,
    held_out: Examples,
    vectors: list[Tensor],
    l2: float,
    l2_bias: float,
    variational: bool,
    relaxation: float,
    stop: EarlyStop,
) -> Solution:
    """Minimise Σ loss + l2/2 Σ|v|² + l2_bias/2 Σb², in float32.

    Given the vectors of one field, the values of the other field are independent logistic regressions. Each pass
    minimises a quadratic bound of each regression (`majorize`) by a batched Cholesky factorisation. There is no
    learning rate, and a few passes are enough. If `variational`, the mean posterior variance of each vector is kept and
    added to the penalty of the other field: mean-field variational Bayes (Lim and Teh 2007) with spherical covariances,
    in which E[w (u·v)²] = w (u·v)² + w |u|² var(v). It overfits less than the penalty alone.

    Parameters
    ----------
    examples : examples to fit.
    held_out : validation examples, whose logloss stops the fit and chooses the pass.
    vectors : initial vectors of both fields, shape [vocabulary size, dim] each.
    l2, l2_bias, variational, relaxation : see above and `Side.update`.
    stop : tells when to stop.
    """
    sizes, dim = [len(start) for start in vectors], vectors[0].shape[1]
    order = [(0, 1), (1, 0)]
    sides = [Side(examples.ids[a], examples.ids[b], examples.labels, sizes[a], sizes[b], vectors[a]) for a, b in order]
    penalties = torch.tensor([l2] * dim + [l2_bias], dtype=torch.float32)
    mean = examples.labels.mean().clamp(1e-6, 1 - 1e-6)
    global_bias = float(torch.logit(mean))

    def state() -> list[Tensor]:
        tables = [side.features[:-1, :dim] for side in sides]
        return [*tables, *(side.biases for side in sides), torch.tensor(global_bias)]

    logits = torch.cat([pair_logits(examples.ids, *split_state(state())), torch.zeros(1)])
    while not stop.is_over:
        sides[1].update(sides[0], logits, penalties, variational, relaxation)
        sides[0].update(sides[1], logits, penalties, variational, relaxation)
        # The global bias has no penalty, and shifts all rows alike.
        probability = logits[:-1].sigmoid()
        shift = float((examples.labels - probability).sum() / curvature(logits[:-1], probability).sum())
        global_bias += shift
        logits += shift
        held_out_logits = pair_logits(held_out.ids, *split_state(state()))
        stop.tell(float(binary_cross_entropy_with_logits(held_out_logits, held_out.labels)), state())
    tables, biases, best_global = split_state(stop.best)
    return Solution(tables, biases, float(best_global), stop.epoch)


def split_state(state: Sequence[Tensor]) -> tuple[Sequence[Tensor], Sequence[Tensor], Tensor]:
    """Return both tables of vectors, both tables of biases, and the global bias."""
    return state[:2], state[2:4], state[4]


def pair_logits(
    ids: tuple[Tensor, Tensor], tables: Sequence[Tensor], biases: Sequence[Tensor], global_bias: Tensor
) -> Tensor:
    """Return u·v + b_u + b_v + b for pairs of ids, shape [n], computed piece by piece."""
    pieces = []
    for start in range(0, len(ids[0]), 1 << 15):
        first, second = (column[start : start + (1 << 15)] for column in ids)
        product = (tables[0].index_select(0, first) * tables[1].index_select(0, second)).sum(1)
        pieces.append(product + biases[0].index_select(0, first) + biases[1].index_select(0, second) + global_bias)
    return torch.cat(pieces) if pieces else torch.zeros(0)
