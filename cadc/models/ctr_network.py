"""What networks that predict clicks from field vectors share: linear terms, dropout of vectors, and a base."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cadc.configuration.components import defaults
from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.data.schema import EntitySide, Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.errors import require_probability
from cadc.evaluation.saved_tables import Task
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factor_logit import FactorLogit
from cadc.factorization.factors import Factors
from cadc.models.linear_terms import LinearTerms
from cadc.models.model import Model
from cadc.models.on_views.base import ViewBase
from cadc.views.views import Views


class CTRNetwork(Model):
    """logit = base + l(x) + f(x), where a subclass is f, and l are linear terms.

    The first two terms are options. The base is a·z, where z is the factorisation's logit, or with views their stack
    (see `cadc.models.stack.stack.Stack`), whose numbers f then reads as further dense features. Where they are on, l
    and a start at 0 and 1.

    Parameters
    ----------
    embeddings : the tables.
    factors : of the factorisation; only `residual` reads them.
    schema : of the log.
    linear : whether there are linear terms.
    embedding_dropout : probability that an entry of a field vector is dropped in training; the others are scaled up
        accordingly.
    residual : correct the factorisation instead of replacing it. With a base, a subclass calls `start_at_base` with
        its last layer, so that training starts at the base itself.
    views : the views; None for none.

    Attributes
    ----------
    n_numbers : dense features that f reads beside those of the log.

    Raises
    ------
    ValueError : for a residual without factors, or beside views.
    """

    task: ClassVar[Task | None] = "ctr"
    fits_sample: ClassVar[bool] = True
    takes_views: ClassVar[bool] = True

    def __init__(
        self,
        embeddings: EmbeddingCollection,
        factors: Factors | CrossFitted | None,
        schema: Schema,
        *,
        linear: bool,
        embedding_dropout: float,
        residual: bool,
        views: Views | None,
    ) -> None:
        super().__init__()
        require_probability("model", embedding_dropout=embedding_dropout)
        self.embeddings = embeddings
        self.embedding_dropout = nn.Dropout(embedding_dropout)
        self.linear_terms = LinearTerms(schema, ranks=embeddings.ranks) if linear else None
        self.starts_at_base = residual or views is not None
        self.view_base = None if views is None else ViewBase(views)
        self.n_numbers = 0 if self.view_base is None else self.view_base.n_numbers
        self.factor_logit: FactorLogit | None = None
        if residual:
            if views is not None:
                raise ValueError("residual=True corrects the factorisation, and views=[…] their stack; choose one")
            if factors is None:
                raise ValueError("residual=True needs factors, whose logit the network corrects; found None")
            self.factor_logit = FactorLogit(factors, schema)
            self.a = nn.Parameter(torch.ones(()))

    @classmethod
    def reads_factors(cls, options: Mapping[str, Any]) -> bool:
        """Return whether the network is a residual."""
        return bool(options.get("residual", False))

    @classmethod
    def numbers_beside(cls, options: Mapping[str, Any], side: EntitySide, task: Task) -> int:
        """Return 1 with linear terms."""
        return int(bool(options.get("linear", defaults(cls).get("linear", True))))

    def fit_sample(self, log: InteractionLog, rows: Tensor, weights: Tensor | None = None, offset: float = 0.0) -> None:
        """Fit the stack of views, if there are any; see `Model.fit_sample`."""
        if self.view_base is not None:
            self.view_base.fit_sample(log, rows, weights, offset)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, shape [B]."""
        inputs = batch
        if self.view_base is not None:
            batch = self.view_base.noted(batch)
            inputs = replace(batch, dense=torch.cat([batch.dense, self.view_base.dense(batch)], 1))
        logits = self.network(inputs)
        if self.linear_terms is not None:
            logits = logits + self.linear_terms(batch)
        if self.view_base is not None:
            logits = logits + self.view_base(batch)
        return logits if self.factor_logit is None else self.a * self.factor_logit(batch) + logits

    @abstractmethod
    def network(self, batch: Batch) -> Tensor:
        """Return f(x) of a batch, whose dense features are followed by the numbers of views, shape [B]."""

    def vectors(self, batch: Batch) -> Tensor:
        """Return the field vectors that the network reads, shape [B, F, d]."""
        vectors: Tensor = self.embedding_dropout(self.embeddings(batch))
        return vectors

    def start_at_base(self, last: nn.Module) -> None:
        """Set the weights of the last layer of f to 0 if the network corrects a base."""
        if self.starts_at_base:
            for weight in last.parameters():
                nn.init.zeros_(weight)

    def calibration(self) -> tuple[float, float]:
        """Return the learned scale a of a residual, and b = 0."""
        return (1.0 if self.factor_logit is None else float(self.a.detach())), 0.0
