"""The factorisation alone, and its biases alone: the reference models that a network has to beat."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.schema import Schema
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factor_logit import FactorLogit
from cadc.factorization.factors import Factors
from cadc.models.model import Model


class FactorizationModel(Model):
    """The factorisation's logit.

    Parameters
    ----------
    factors : of any fields of the log.
    schema : of the log.
    """

    trainable: ClassVar[bool] = False
    can_rank: ClassVar[bool] = True
    needs_factors: ClassVar[bool] = True

    def __init__(self, factors: Factors | CrossFitted, schema: Schema) -> None:
        super().__init__()
        self.factor_logit = FactorLogit(factors, schema)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, shape [B]."""
        logits: Tensor = self.factor_logit(batch)
        return logits

    def item_scorer(self, items: Batch) -> Callable[[Batch], Tensor]:
        """Return a function from a batch of b users to their scores of these n items, shape [b, n].

        The scores of a user differ from the logits by a constant, which leaves the ranking as it is.
        """
        vectors, biases = self.factor_logit.item_side(items)
        return lambda users: torch.addmm(biases, self.factor_logit.user_side(users), vectors.T)


class BiasModel(FactorizationModel):
    """The sum of the biases of all factorised fields; of user and item for a matrix factorisation."""

    factor_dim: ClassVar[int | None] = 0
