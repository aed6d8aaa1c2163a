"""Logistic matrix factorisation by alternating closed-form steps: all users, then all items, and so on."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from cadc.data.schema import UNKNOWN
from cadc.factorization.early_stop import EarlyStop
from cadc.factorization.examples import ExampleParts
from cadc.factorization.solvers.logistic_solution import Solution, mean_loss, split_state
from cadc.factorization.solvers.majorize import HELD, curvature, moments, newton
from cadc.factorization.solvers.penalties import Descent, Penalty, fit_penalised
from cadc.factorization.workers.workers import Blockwise, Workers

START = {"l2": 4.0, "l2_bias": 2.0}
"""Penalties that the choice by validation starts from."""


class Side:
    """The values of one field: vector, bias and mean variance of each, and its examples.

    The last row of each table is zero, for padding.

    Parameters
    ----------
    examples : examples of each value of the field.
    vectors : initial vectors, shape [n_values, dim].
    """

    def __init__(self, examples: Blockwise, vectors: Tensor) -> None:
        n_values, self.dim = vectors.shape
        self.examples = examples
        # Vector, bias, and a one that is multiplied with the other field's bias.
        self.parameters = torch.cat([vectors, torch.zeros(n_values, 1), torch.ones(n_values, 1)], 1)
        self.parameters[examples.counts == 0, : self.dim] = 0
        self.parameters[UNKNOWN, : self.dim] = 0
        self.parameters = torch.cat([self.parameters, torch.zeros(1, self.dim + 2)])
        self.variances = torch.zeros(n_values + 1)

    @property
    def vectors(self) -> Tensor:
        """Vector of each value, shape [n_values, dim]."""
        return self.parameters[:-1, : self.dim]

    @property
    def biases(self) -> Tensor:
        """Bias of each value, shape [n_values]."""
        return self.parameters[:-1, self.dim]

    def features(self) -> Tensor:
        """Return what the other field's parameters are multiplied with: vector, one and bias, shape [n_values + 1, k].

        The product of both is u·v + b_u + b_v.
        """
        return self.parameters[:, [*range(self.dim), self.dim + 1, self.dim]]

    def update(
        self, other: "Side", global_bias: float, penalties: Tensor, variational: bool, relaxation: float
    ) -> float:
        """Take one step with all values of this field, while the other field is fixed.

        Logits are computed anew from the parameters: to keep them would double the memory of the examples.

        Parameters
        ----------
        other : the other field.
        global_bias : bias of all examples.
        penalties : penalties on vector and bias, shape [dim + 1].
        variational : whether the variance of the other field's vectors adds to the penalty.
        relaxation : factor of the steps; below 2 the bound, and with it the loss, still falls.

        Returns
        -------
        shift : step of the global bias to the minimum of the bound, after the steps of the values.
        """
        step = partial(
            step_of_block,
            global_bias=global_bias,
            penalties=penalties,
            variational=variational,
            relaxation=relaxation,
        )
        slope = bend = 0.0
        shared = other.features(), other.variances
        for values, (parameters, variances, sums) in self.examples.map(step, self.parameters, shared):
            self.parameters[values, : self.dim + 1] = parameters
            self.variances[values] = variances
            slope += float(sums[0])
            bend += float(sums[1])
        return slope / bend


def step_of_block(
    values: Tensor,
    others: Tensor,
    labels: Tensor,
    own: Tensor,
    table: Tensor,
    variances: Tensor,
    *,
    global_bias: float,
    penalties: Tensor,
    variational: bool,
    relaxation: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take one step with the values of a block, see `Side.update`.

    Parameters
    ----------
    values, others, labels : a block, see `GroupedExamples.blocks`.
    own : parameters of its values, shape [m, dim + 2].
    table : features of the other field, see `Side.features`.
    variances : mean variances of its vectors, shape [n_others + 1].
    global_bias, penalties, variational, relaxation : see `Side.update`.

    Returns
    -------
    parameters : vector and bias of each value after the step, shape [m, dim + 1].
    variances : mean variance of each value's vector, shape [m].
    sums : slope and curvature of the loss by a bias of all examples, after the step, float64, shape [2].
    """
    shape, flat, dim = others.shape, others.flatten(), own.shape[1] - 2
    features = table.index_select(0, flat).view(*shape, dim + 2)
    z = (features * own[:, None]).sum(2) + global_bias
    probability = z.sigmoid()
    weights = curvature(z, probability)
    hessian, gradient = moments(features, weights, labels - probability)
    all_penalties = penalties.expand(len(values), -1).clone()
    if variational:
        spread = variances.index_select(0, flat).view(shape)
        all_penalties[:, :dim] += (weights * spread).sum(1, keepdim=True)
    all_penalties[values == UNKNOWN, :dim] = HELD
    # A shift of all logits is a shift of each bias, whose derivatives are the last ones.
    of_bias, slopes = hessian[:, dim].clone(), gradient[:, dim].clone()
    steps, own_variances = newton(hessian, gradient - own[:, : dim + 1] * all_penalties, all_penalties)
    steps *= relaxation
    sums = [float((slopes - (of_bias * steps).sum(1)).sum()), float(of_bias[:, dim].sum())]
    return own[:, : dim + 1] + steps, own_variances, torch.tensor(sums, dtype=torch.float64)


class Alternation(Descent):
    """A fit that takes a step with all values of the second field, then with all of the first, and so on.

    Parameters
    ----------
    grouped : the examples, grouped by the values of both fields.
    held_out : validation examples.
    vectors : initial vectors of both fields, shape [vocabulary size, dim] each.
    variational, relaxation : see `Side.update`.
    """

    def __init__(
        self,
        grouped: Sequence[Blockwise],
        held_out: ExampleParts,
        vectors: Sequence[Tensor],
        variational: bool,
        relaxation: float,
    ) -> None:
        self.held_out, self.variational, self.relaxation = held_out, variational, relaxation
        self.sides = [Side(own, start) for own, start in zip(grouped, vectors, strict=True)]
        share = torch.tensor(grouped[0].n_positive / len(grouped[0]))
        self.global_bias = float(torch.logit(share.clamp(1e-6, 1 - 1e-6)))

    def start_from(self, biases: Sequence[Tensor], global_bias: float) -> None:
        """Take over the biases of another fit."""
        for own, other in zip(self.sides, biases, strict=True):
            own.biases.copy_(other)
        self.global_bias = global_bias

    def step(self, penalties: Mapping[str, float]) -> None:
        """Take one step with each field, under penalties `l2` and `l2_bias`."""
        first, second = self.sides
        for side, other in ((second, first), (first, second)):
            own = self._of_each(penalties)
            self.global_bias += side.update(other, self.global_bias, own, self.variational, self.relaxation)
        self.passes += 1

    def settle(self, penalties: Mapping[str, float]) -> None:
        """Take the variances that belong to the parameters, which are those that a step of no length finds."""
        first, second = self.sides
        for side, other in ((second, first), (first, second)):
            side.update(other, self.global_bias, self._of_each(penalties), self.variational, relaxation=0.0)

    def _of_each(self, penalties: Mapping[str, float]) -> Tensor:
        """Return the penalty on each number of a vector, and on a bias, shape [dim + 1]."""
        return torch.tensor([penalties["l2"]] * self.sides[0].dim + [penalties["l2_bias"]], dtype=torch.float32)

    def loss(self) -> float:
        """Return the mean logloss of the validation examples."""
        return mean_loss(self.held_out, self.parameters())

    def parameters(self) -> list[Tensor]:
        """Return both tables of vectors, both tables of biases, and the global bias."""
        first, second = self.sides
        return [first.vectors, second.vectors, first.biases, second.biases, torch.tensor(self.global_bias)]

    def state(self) -> list[Tensor]:
        """Return parameters and variances of both fields, and the global bias in float64."""
        own = [value for side in self.sides for value in (side.parameters, side.variances)]
        return [*own, torch.tensor(self.global_bias, dtype=torch.float64)]

    def restore(self, state: Sequence[Tensor]) -> None:
        """Go back to a state."""
        for now, before in zip(self.state()[:-1], state[:-1], strict=True):
            now.copy_(before)
        self.global_bias = float(state[-1])


def fit_newton(
    examples: ExampleParts,
    held_out: ExampleParts,
    start: Solution,
    l2: Penalty,
    l2_bias: Penalty,
    variational: bool,
    relaxation: float,
    stop: EarlyStop,
    workers: Workers,
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
    held_out : validation examples, whose logloss stops the fit and chooses the pass, and penalties that are `auto`.
    start : where the fit starts; with penalties, it is where an earlier fit ended, which goes on.
    l2, l2_bias, variational, relaxation : see above and `Side.update`.
    stop : tells when to stop.
    workers : who carry out the passes.
    """
    sizes, goes_on = [len(own) for own in start.vectors], bool(start.penalties)
    asked: dict[str, Penalty] = {"l2": l2, "l2_bias": l2_bias}

    def make(grouped: Sequence[Blockwise], dim: int, biases: Alternation | None) -> Alternation:
        fit = Alternation(grouped, held_out, [own[:, :dim] for own in start.vectors], variational, relaxation)
        if biases is not None:
            fit.start_from([side.biases for side in biases.sides], biases.global_bias)
        elif goes_on:
            fit.start_from(start.biases, start.global_bias)
        return fit

    with workers.grouped(examples, sizes) as grouped:
        dim, first = start.vectors[0].shape[1], START | start.penalties
        chosen = fit_penalised(partial(make, grouped), dim, asked, first, stop, goes_on=goes_on)
    tables, biases, best_global = split_state(chosen.fit.parameters())
    return Solution(tables, biases, float(best_global), chosen.passes, chosen.penalties)
