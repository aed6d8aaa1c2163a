"""The true probabilities of generated data: the upper bound for every model."""

from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.errors import UsageError
from cadc.models.model import Model

BELOW_ONE = 1 - 2.0**-25
"""The largest float64 that may be rounded to a float32 of 1."""


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
            raise UsageError(
                "model=oracle needs true probabilities, which this log lacks; choose data=synthetic or data=drifting."
            )
        # A probability next to 1 may have been rounded to 1, of which the logit is infinite.
        return torch.logit(batch.oracle.double().clamp(max=BELOW_ONE))
