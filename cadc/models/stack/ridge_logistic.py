"""Logistic regression with a ridge penalty, by Newton's method."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from cadc.models.stack.newton import damped_newton

MAX_STEPS = 100
TOLERANCE = 1e-10


@dataclass(frozen=True)
class LogitWeights:
    """logit = weights · x + bias.

    Parameters
    ----------
    weights : float64, shape [K].
    bias : of the logit.
    """

    weights: Tensor
    bias: float


def ridge_logistic(
    columns: Tensor, labels: Tensor, l2: float | Tensor, weights: Tensor | None = None, offset: float | Tensor = 0.0
) -> LogitWeights:
    """Return the minimum of Σ w·logloss(σ(β·z + c + offset), label) + ½ Σ l2 β², where z are standardised columns.

    A column that is constant has the weight 0.

    Parameters
    ----------
    columns : x, shape [n, K].
    labels : 0 or 1, shape [n].
    l2 : penalty, at least 0, of all columns or of each (shape [K]); as a prior it is worth about 4 · l2 rows.
    weights : of the rows in the loss, shape [n]; None weighs all alike.
    offset : added to every logit, a number or shape [n].

    Returns
    -------
    Weights and bias for the columns as they are, not standardised.

    Examples
    --------
    >>> columns = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    >>> found = ridge_logistic(columns, torch.tensor([0.0, 1.0, 0.0, 1.0]), l2=1.0)
    >>> round(float(found.weights), 3), round(found.bias, 3)
    (0.405, -0.608)
    """
    x, y = columns.double(), labels.double()
    w = torch.ones_like(y) if weights is None else weights.double()
    share = w / w.sum()
    mean = share @ x
    scale = (share @ (x - mean).square()).sqrt()
    varies = scale > 1e-9 * (1 + mean.abs())
    z = torch.where(varies, (x - mean) / scale.where(varies, torch.ones_like(scale)), 0.0)
    z = torch.cat([z, torch.ones(len(z), 1, dtype=torch.float64)], 1)
    penalty = torch.zeros(z.shape[1], dtype=torch.float64)
    penalty[:-1] = l2

    def loss_at(point: Tensor) -> float:
        found = z @ point + offset
        each = -y * logsigmoid(found) - (1 - y) * logsigmoid(-found)
        return float(w @ each + 0.5 * penalty @ point.square())

    def step_at(point: Tensor) -> Tensor:
        probability = (z @ point + offset).sigmoid()
        gradient = z.T @ (w * (probability - y)) + penalty * point
        curvature = z.T @ ((w * probability * (1 - probability))[:, None] * z)
        # Columns without a spread, and collinear ones without a penalty, leave the matrix singular.
        ridge = penalty + 1e-9 * curvature.diagonal().mean().clamp_min(1e-9)
        return torch.linalg.solve(curvature + torch.diag(ridge), gradient)

    start = torch.zeros(z.shape[1], dtype=torch.float64)
    point = damped_newton(start, loss_at, step_at, MAX_STEPS, TOLERANCE)
    slopes = torch.where(varies, point[:-1] / scale.where(varies, torch.ones_like(scale)), 0.0)
    return LogitWeights(slopes, float(point[-1] - slopes @ mean))
