"""The factorisation with Platt scaling: the reference that uses the factorisation and the sample, but no network."""

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from cadc.data.batch import Batch
from cadc.data.batches import EVALUATION_BATCH
from cadc.data.log import InteractionLog
from cadc.data.schema import Schema
from cadc.evaluation.saved_tables import Task
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors
from cadc.models.factorization import FactorizationModel
from cadc.models.stack.newton import damped_newton


class PlattModel(FactorizationModel):
    """a·z + b, where z is the factorisation's logit; a and b are fitted to the sample (Platt 1999).

    With cross-fitted factors, z of a row of the sample is out of fold, as it is for a network.

    Parameters
    ----------
    factors : of any fields of the log.
    schema : of the log.
    """

    fits_sample: ClassVar[bool] = True
    task: ClassVar[Task | None] = "ctr"

    a: Tensor
    b: Tensor

    def __init__(self, factors: Factors | CrossFitted, schema: Schema) -> None:
        super().__init__(factors, schema)
        self.register_buffer("a", torch.ones((), dtype=torch.float64))
        self.register_buffer("b", torch.zeros((), dtype=torch.float64))
        self._fold = factors.fold if isinstance(factors, CrossFitted) else None

    def fit_sample(self, log: InteractionLog, rows: Tensor, weights: Tensor | None = None, offset: float = 0.0) -> None:
        """Fit a and b by logistic regression on the labels of these rows.

        Parameters
        ----------
        log : the log.
        rows : numbers of the training rows in the sample, int32 or int64, shape [n].
        weights : of the rows, shape [n]; None for equal weights.
        offset : logit that is added in the fit only, see `cadc.sampling.sampler.Sample`.
        """
        parts = []
        with torch.inference_mode():
            for part in rows.split(EVALUATION_BATCH):
                fold = None if self._fold is None else self._fold[part]
                parts.append(self.factor_logit(replace(log.gather(part), fold=fold)))
        a, b = fit_platt(torch.cat(parts), log.labels(rows), weights, offset)
        self.a.fill_(a)
        self.b.fill_(b)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, float64, shape [B]."""
        return self.a * self.factor_logit(batch).double() + self.b

    def calibration(self) -> tuple[float, float]:
        """Return the fitted a and b."""
        return float(self.a), float(self.b)


MAX_STEPS = 100
TOLERANCE = 1e-10
PRIOR = 1e-6
"""Weight of the penalty on the distance from a = 1, b = 0: negligible, but keeps separable labels finite."""


def fit_platt(
    logits: Tensor, labels: Tensor, weights: Tensor | None = None, offset: float = 0.0
) -> tuple[float, float]:
    """Return a and b that minimise Σ w·logloss(σ(a·z + b + offset), label), by Newton's method.

    Parameters
    ----------
    logits : z, shape [n].
    labels : 0 or 1, shape [n].
    weights : w, shape [n]; None for equal weights.
    offset : added to every logit.
    """
    columns = torch.stack([logits.double(), torch.ones_like(logits, dtype=torch.float64)], 1)
    labels = labels.double()
    weights = torch.ones_like(labels) if weights is None else weights.double()
    prior = torch.tensor([1.0, 0.0], dtype=torch.float64)

    def loss_at(point: Tensor) -> float:
        found = columns @ point + offset
        each = -labels * logsigmoid(found) - (1 - labels) * logsigmoid(-found)
        return float(weights @ each + 0.5 * PRIOR * (point - prior).square().sum())

    def step_at(point: Tensor) -> Tensor:
        probability = (columns @ point + offset).sigmoid()
        gradient = columns.T @ (weights * (probability - labels)) + PRIOR * (point - prior)
        spread = (weights * probability * (1 - probability)).unsqueeze(1)
        curvature = columns.T @ (spread * columns) + PRIOR * torch.eye(2, dtype=torch.float64)
        return torch.linalg.solve(curvature, gradient)

    a, b = damped_newton(prior, loss_at, step_at, MAX_STEPS, TOLERANCE).tolist()
    return a, b
