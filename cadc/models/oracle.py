"""The generator's own probabilities: the best that any model can do on generated data."""

from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.errors import UsageError
from cadc.models.model import Model


class OracleModel(Model):
    """Scores a row by its true probability, which only generated logs hold."""

    trainable: ClassVar[bool] = False
    needs_columns: ClassVar[tuple[str, ...]] = ("oracle",)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, shape [B].

        Raises
        ------
        UsageError : where the log does not know the true probabilities.
        """
        if batch.oracle is None:
            raise UsageError("model=oracle needs a log that knows its true probabilities, such as data=synthetic.")
        return torch.logit(batch.oracle.double())
