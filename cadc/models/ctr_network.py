"""What networks that predict clicks from field vectors share: linear terms, dropout of vectors, and residuals."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.data.schema import Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.errors import require_probability
from cadc.evaluation.saved_tables import Task
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factor_logit import FactorLogit
from cadc.factorization.factors import Factors
from cadc.models.linear_terms import LinearTerms
from cadc.models.model import Model


class CTRNetwork(Model):
    """logit = a·z + l(x) + f(x), where a subclass is f, l are linear terms, and z is the factorisation's logit.

    The first two terms are options. Where they are on, l and a start at 0 and 1.

    Parameters
    ----------
    embeddings : the tables.
    factors : of the factorisation; only `residual` reads them.
    schema : of the log.
    linear : whether there are linear terms.
    embedding_dropout : probability that an entry of a field vector is dropped in training; the others are scaled up
        accordingly.
    residual : correct the factorisation instead of replacing it. A subclass then calls `start_at_base` with its last
        layer, so that training starts at the factorisation itself.

    Raises
    ------
    ValueError : for a residual without factors.
    """

    task: ClassVar[Task | None] = "ctr"

    def __init__(
        self,
        embeddings: EmbeddingCollection,
        factors: Factors | CrossFitted | None,
        schema: Schema,
        *,
        linear: bool,
        embedding_dropout: float,
        residual: bool,
    ) -> None:
        super().__init__()
        require_probability("model", embedding_dropout=embedding_dropout)
        self.embeddings = embeddings
        self.embedding_dropout = nn.Dropout(embedding_dropout)
        self.linear_terms = LinearTerms(schema) if linear else None
        self.starts_at_base = residual
        self.factor_logit: FactorLogit | None = None
        if residual:
            if factors is None:
                raise ValueError("residual=True needs factors, whose logit the network corrects; found None")
            self.factor_logit = FactorLogit(factors, schema)
            self.a = nn.Parameter(torch.ones(()))

    @classmethod
    def reads_factors(cls, options: Mapping[str, Any]) -> bool:
        """Return whether the network is a residual."""
        return bool(options.get("residual", False))

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, shape [B]."""
        logits = self.network(batch)
        if self.linear_terms is not None:
            logits = logits + self.linear_terms(batch)
        return logits if self.factor_logit is None else self.a * self.factor_logit(batch) + logits

    @abstractmethod
    def network(self, batch: Batch) -> Tensor:
        """Return f(x) of a batch, shape [B]."""

    def vectors(self, batch: Batch) -> Tensor:
        """Return the field vectors that the network reads, shape [B, F, d]."""
        vectors: Tensor = self.embedding_dropout(self.embeddings(batch))
        return vectors

    def start_at_base(self, last: nn.Module) -> None:
        """Set the weights of the last layer of f to 0 if the network is a residual."""
        if self.starts_at_base:
            for weight in last.parameters():
                nn.init.zeros_(weight)

    def calibration(self) -> tuple[float, float]:
        """Return the learned scale a of a residual, and b = 0."""
        return (1.0 if self.factor_logit is None else float(self.a.detach())), 0.0
