"""The mean label of the sample as the prediction for every row: the reference without users and items."""

from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.evaluation.saved_tables import Task
from cadc.models.model import Model


class LabelMean(Model):
    """Predicts the mean label of the sample for every row."""

    trainable: ClassVar[bool] = False
    fits_sample: ClassVar[bool] = True
    task: ClassVar[Task | None] = "ctr"

    logit: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("logit", torch.zeros((), dtype=torch.float64))

    def fit_sample(self, log: InteractionLog, rows: Tensor, weights: Tensor | None = None, offset: float = 0.0) -> None:
        """Store the weighted mean label of these rows.

        Parameters
        ----------
        log : the log.
        rows : numbers of the training rows in the sample, int32 or int64, shape [n].
        weights : of the rows, shape [n]; None for equal weights.
        offset : by how much the logit of the sample's labels exceeds that of all rows; it is subtracted.
        """
        self.logit.fill_(mean_logit(log.labels(rows), weights) - offset)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, float64, shape [B]."""
        return self.logit.expand(len(batch))


def mean_logit(labels: Tensor, weights: Tensor | None = None) -> float:
    """Return the logit of the weighted mean of labels, shape [n]; a class that is absent from them is not impossible.

    >>> round(mean_logit(torch.tensor([1.0, 1.0])), 4), mean_logit(torch.tensor([0.0, 1.0]))
    (1.0986, 0.0)
    """
    weights = torch.ones(len(labels)) if weights is None else weights
    mean = float((weights.double() * labels).sum() / weights.double().sum())
    least = 0.5 / len(labels)
    return float(torch.logit(torch.tensor(min(max(mean, least), 1 - least), dtype=torch.float64)))
