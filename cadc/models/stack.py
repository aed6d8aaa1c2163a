"""The stack: a logistic regression on views, the reference that reads what a network reads, but is linear."""

from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.batches import EVALUATION_BATCH
from cadc.data.log import InteractionLog
from cadc.errors import require_at_least
from cadc.evaluation.saved_tables import Task
from cadc.models.model import Model
from cadc.models.ridge_logistic import ridge_logistic
from cadc.views.views import Views


class Stack(Model):
    """logit = w·x + c, where x are the numbers that views give for a row (stacked generalisation, Wolpert 1992).

    Weights are fitted on the sample, whose rows no view has read. With the factorisation as its only view it is Platt
    scaling with a penalty.

    Parameters
    ----------
    views : the views.
    l2 : penalty on the squared weights of standardised numbers.

    Raises
    ------
    UsageError : for a negative penalty.
    """

    trainable: ClassVar[bool] = False
    task: ClassVar[Task | None] = "ctr"
    fits_sample: ClassVar[bool] = True
    takes_views: ClassVar[bool] = True
    needs_views: ClassVar[bool] = True

    weights: Tensor
    bias: Tensor

    def __init__(self, views: Views, l2: float = 1.0) -> None:
        super().__init__()
        require_at_least(0, "model", l2=l2)
        self.views, self.l2 = views, l2
        self.register_buffer("weights", torch.zeros(len(views.columns), dtype=torch.float64))
        self.register_buffer("bias", torch.zeros((), dtype=torch.float64))

    def fit_sample(self, log: InteractionLog, rows: Tensor, weights: Tensor | None = None, offset: float = 0.0) -> None:
        """Fit the weights by logistic regression on the labels of these rows.

        Parameters
        ----------
        log : the log.
        rows : numbers of the training rows in the sample, int32 or int64, shape [n].
        weights : of the rows, shape [n]; None for equal weights.
        offset : logit that is added in the fit only, see `cadc.sampling.sampler.Sample`.
        """
        with torch.inference_mode():
            numbers = torch.cat([self.views(log.gather(part)) for part in rows.split(EVALUATION_BATCH)])
            found = ridge_logistic(numbers, log.labels(rows), self.l2, weights, offset)
            self.weights.copy_(found.weights)
            self.bias.fill_(found.bias)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, float64, shape [B]."""
        return (self.views(batch).double() * self.weights).sum(1) + self.bias
