"""Logistic matrix factorisation by alternating closed-form steps: all users, then all items, and so on."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from cadc.data.schema import UNKNOWN
from cadc.factorization.early_stop import EarlyStop
from cadc.factorization.examples import ExampleParts, Examples
from cadc.factorization.grouped import GroupedExamples, grouped_by_both
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


class GlobalStep:
    """The step of the global bias, which has no penalty and shifts all examples alike."""

    def __init__(self) -> None:
        self._errors = self._curvature = 0.0

    def add(self, logits: Tensor, labels: Tensor) -> None:
        """Count some examples with their logits, shape [n] each."""
        probability = logits.sigmoid()
        self._errors += float((labels - probability).sum())
        self._curvature += float(curvature(logits, probability).sum())

    def step(self) -> float:
        """Return the step to the minimum of the bound of all examples that were counted."""
        return self._errors / self._curvature


class Side:
    """The values of one field: vector, bias and mean variance of each, and its examples.

    The last row of each table is padding.

    Parameters
    ----------
    examples : examples of each value of the field.
    vectors : initial vectors, shape [n_values, dim].
    """

    def __init__(self, examples: GroupedExamples, vectors: Tensor) -> None:
        n_values, self.dim = vectors.shape
        self.examples = examples
        # The column of ones beside the vectors is multiplied with the other field's bias.
        self.features = torch.cat([vectors, torch.ones(n_values, 1)], 1)
        self.features[examples.counts == 0, : self.dim] = 0
        self.features[UNKNOWN, : self.dim] = 0
        self.features = torch.cat([self.features, torch.zeros(1, self.dim + 1)])
        self.biases = torch.zeros(n_values + 1)
        self.variances = torch.zeros(n_values + 1)

    def update(
        self,
        other: "Side",
        global_bias: float,
        penalties: Tensor,
        variational: bool,
        relaxation: float,
        of_all: GlobalStep | None = None,
    ) -> None:
        """Take one step with all values of this field, while the other field is fixed.

        Logits are computed anew from the parameters: to keep them would double the memory of the examples.

        Parameters
        ----------
        other : the other field.
        global_bias : bias of all examples.
        penalties : penalties on vector and bias, shape [dim + 1].
        variational : whether the variance of the other field's vectors adds to the penalty.
        relaxation : factor of the steps; below 2 the bound, and with it the loss, still falls.
        of_all : is told the logits of all examples after their step.
        """
        for values, others, labels in self.examples.blocks():
            shape, flat = others.shape, others.flatten()
            features = other.features.index_select(0, flat).view(*shape, -1)
            offset = other.biases.index_select(0, flat).view(shape) + global_bias
            parameters = torch.cat([self.features[values, : self.dim], self.biases[values, None]], 1)
            z = offset + torch.bmm(features, parameters[..., None])[..., 0]
            probability = z.sigmoid()
            weights = curvature(z, probability)
            own = penalties.expand(len(values), -1).clone()
            if variational:
                spread = other.variances.index_select(0, flat).view(shape)
                own[:, : self.dim] += (weights * spread).sum(1, keepdim=True)
            own[values == UNKNOWN, : self.dim] = HELD
            steps, variances = solve(features, weights, labels - probability, parameters, own)
            steps *= relaxation
            parameters += steps
            self.features[values, : self.dim] = parameters[:, : self.dim]
            self.biases[values] = parameters[:, self.dim]
            self.variances[values] = variances
            if of_all is not None:
                is_example = others < self.examples.n_others
                z += torch.bmm(features, steps[..., None])[..., 0]
                of_all.add(z[is_example], labels[is_example])


def fit_newton(
    examples: ExampleParts,
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
    examples : examples to fit; they are read twice, and then kept grouped by value.
    held_out : validation examples, whose logloss stops the fit and chooses the pass.
    vectors : initial vectors of both fields, shape [vocabulary size, dim] each.
    l2, l2_bias, variational, relaxation : see above and `Side.update`.
    stop : tells when to stop.
    """
    dim = vectors[0].shape[1]
    grouped = grouped_by_both(examples, [len(start) for start in vectors])
    first, second = (Side(own, start) for own, start in zip(grouped, vectors, strict=True))
    penalties = torch.tensor([l2] * dim + [l2_bias], dtype=torch.float32)
    global_bias = float(torch.logit(torch.tensor(grouped[0].n_positive / len(examples)).clamp(1e-6, 1 - 1e-6)))

    def state() -> list[Tensor]:
        tables = [side.features[:-1, :dim] for side in (first, second)]
        return [*tables, *(side.biases[:-1] for side in (first, second)), torch.tensor(global_bias)]

    while not stop.is_over:
        second.update(first, global_bias, penalties, variational, relaxation)
        of_all = GlobalStep()
        first.update(second, global_bias, penalties, variational, relaxation, of_all)
        global_bias += of_all.step()
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
