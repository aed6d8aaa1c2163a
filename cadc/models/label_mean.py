"""The share of positive labels, for every row: what knows nothing of users or items."""

from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.models.model import Model, Task


class LabelMean(Model):
    """Scores every row by the mean label of the sample."""

    trainable: ClassVar[bool] = False
    fits_sample: ClassVar[bool] = True
    task: ClassVar[Task | None] = "ctr"

    logit: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("logit", torch.zeros((), dtype=torch.float64))

    def fit_sample(self, log: InteractionLog, rows: Tensor, weights: Tensor | None = None, offset: float = 0.0) -> None:
        """Take the mean label of these rows.

        Parameters
        ----------
        log : the log.
        rows : row numbers, int64, shape [n].
        weights : of the rows, shape [n]; None weighs all alike.
        offset : logit that the sample's labels have above those of all rows.
        """
        weights = torch.ones(len(rows)) if weights is None else weights
        mean = float((weights.double() * log.labels(rows)).sum() / weights.double().sum())
        # Labels of one class do not show that the other never comes.
        least = 0.5 / len(rows)
        self.logit.copy_(torch.logit(torch.tensor(min(max(mean, least), 1 - least), dtype=torch.float64)) - offset)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, float64, shape [B]."""
        return self.logit.expand(len(batch))
