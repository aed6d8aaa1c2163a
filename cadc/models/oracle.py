"""The generator's own probabilities: the best that any model can do on generated data."""

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.errors import UsageError


class OracleModel(nn.Module):
    """Scores a row by its true probability, which only generated logs hold."""

    trainable = False
    needs_columns = ("oracle",)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, shape [B].

        Raises
        ------
        UsageError : where the log does not know the true probabilities.
        """
        if batch.oracle is None:
            raise UsageError("model=oracle needs a log that knows its true probabilities, such as data=synthetic.")
        return torch.logit(batch.oracle.double())
