"""The true probabilities of generated data: the upper bound for every model."""

from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.errors import UsageError
from cadc.models.model import Model


class OracleModel(Model):
    """The logit of a row's true probability, which only generated logs have."""

    trainable: ClassVar[bool] = False
    needs_columns: ClassVar[tuple[str, ...]] = ("oracle",)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, shape [B].

        Raises
        ------
        UsageError : if the log has no column of true probabilities.
        """
        if batch.oracle is None:
            raise UsageError("model=oracle needs true probabilities, which this log lacks; choose data=synthetic.")
        return torch.logit(batch.oracle.double())
