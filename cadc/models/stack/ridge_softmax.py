"""Softmax regression over candidates with a ridge penalty, by Newton's method."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cadc.models.stack.newton import damped_newton

MAX_STEPS = 50
TOLERANCE = 1e-5
BLOCK = 1 << 22
"""Numbers of candidates that are weighed at once."""


@dataclass(frozen=True)
class Contests:
    """What was taken, each time out of the same n candidates.

    Parameters
    ----------
    numbers : K numbers of each candidate in each of m contests, float32, shape [m, n, K].
    taken : place of the candidate that was taken, int64, shape [m].
    allowed : whether a candidate takes part, bool, shape [m, n]; those that were taken do.
    weights : of the contests in the loss, float32, shape [m].
    """

    numbers: Tensor
    taken: Tensor
    allowed: Tensor
    weights: Tensor

    def spread(self) -> Tensor:
        """Return the standard deviation of each number over the candidates of a contest, float64, shape [K]."""
        total = torch.zeros(self.numbers.shape[2], dtype=torch.float64)
        for part in self.parts():
            count = part.allowed.sum(1)[:, None]
            mean = torch.einsum("mn,mnk->mk", part.allowed.float(), part.numbers) / count
            squares = (part.numbers - mean[:, None]).square_()
            total += (torch.einsum("mn,mnk->mk", part.allowed.float(), squares) / count).double().sum(0)
        return (total / len(self.taken)).sqrt()

    def parts(self) -> "list[Contests]":
        """Return the contests in blocks."""
        size = max(1, BLOCK // (self.numbers.shape[1] * self.numbers.shape[2]))
        own = (self.numbers, self.taken, self.allowed, self.weights)
        return [Contests(*of_part) for of_part in zip(*(values.split(size) for values in own), strict=True)]

    def derivatives(self, w: Tensor) -> tuple[float, Tensor, Tensor]:
        """Return -Σ weight · log softmax(w · numbers)[taken], its gradient [K] and its second derivatives [K, K]."""
        loss, gradient = 0.0, torch.zeros_like(w)
        curvature = torch.zeros(len(w), len(w), dtype=w.dtype)
        for part in self.parts():
            scores = (part.numbers @ w.float()).masked_fill_(~part.allowed, -torch.inf)
            own = torch.arange(len(scores))
            weights = part.weights.double()
            loss += float(weights @ (scores.logsumexp(1) - scores[own, part.taken]).double())
            chances = scores.softmax(1)
            mean = torch.einsum("mn,mnk->mk", chances, part.numbers)
            gradient += weights @ (mean - part.numbers[own, part.taken]).double()
            centred = part.numbers - mean[:, None]
            weighed = (chances * part.weights[:, None])[:, :, None] * centred
            curvature += (centred.flatten(0, 1).T @ weighed.flatten(0, 1)).double()
        return loss, gradient, curvature


def ridge_softmax(contests: Contests, l2: float) -> Tensor:
    """Return the w that minimises -Σ weight · log softmax(w · numbers)[taken] + ½ l2 |β|².

    The penalty is on β = w · `contests.spread()`, the weights of numbers with equal spread. A number without a spread
    has the weight 0.

    Parameters
    ----------
    contests : at least one.
    l2 : penalty, at least 0.

    Returns
    -------
    w : float64, shape [K].

    Examples
    --------
    Of two candidates, the one with the larger number was taken twice out of three times, so w = log 2:

    >>> numbers = torch.tensor([[0.0, 1.0]] * 3).unsqueeze(2)
    >>> contests = Contests(numbers, torch.tensor([1, 1, 0]), torch.ones(3, 2, dtype=torch.bool), torch.ones(3))
    >>> ridge_softmax(contests, l2=0.0).round(decimals=3).tolist()
    [0.693]
    """
    spread = contests.spread()
    varies = spread > 1e-9
    penalty = l2 * spread.square()

    def loss_at(w: Tensor) -> float:
        return contests.derivatives(w)[0] + 0.5 * float(penalty @ w.square())

    def step_at(w: Tensor) -> Tensor:
        _, gradient, curvature = contests.derivatives(w)
        scale = spread.where(varies, 1.0)  # numbers of very different size leave the system badly conditioned
        system = (curvature + penalty.diag()) / scale / scale[:, None]
        system.diagonal().add_(1e-9 * system.diagonal().mean().clamp_min(1e-9))
        step = torch.linalg.solve(system, (gradient + penalty * w) / scale) / scale
        return step.where(varies, 0.0)

    return damped_newton(torch.zeros_like(spread), loss_at, step_at, MAX_STEPS, TOLERANCE, spread)
