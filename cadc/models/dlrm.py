"""Deep learning recommendation model (Naumov et al., arXiv 1906.00091)."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.data.schema import Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.errors import UsageError, require_at_least
from cadc.evaluation.saved_tables import Task
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors
from cadc.models.factor_logit import FactorLogit
from cadc.models.interaction import PairwiseProducts
from cadc.models.mlp import mlp
from cadc.models.model import Model


class DLRM(Model):
    """Dot products of all pairs of field vectors, then an MLP.

    A bottom MLP maps the dense features to one more vector, which joins the products and also enters the top MLP. The
    products of this vector and a value's are the value's own effect on the logit. A log without dense features has a
    learned vector in its place, `constant`.

    Parameters
    ----------
    embeddings : the tables.
    n_dense : number of dense features.
    generator : draws the initial weights.
    factors : of the factorisation; only `residual` reads them.
    schema : of the log.
    bottom_mlp : hidden widths of the bottom MLP, whose output has the tables' dimension.
    top_mlp : hidden widths of the top MLP, whose output is the logit.
    constant : give logs without dense features a learned vector, equal for all rows, beside those of the fields.
        Without it a label that depends on a single field is learned only by way of products with others' vectors.
    residual : correct the factorisation instead of replacing it: logit = a·z + f(x), where z is the factorisation's
        logit. The scale a starts at 1 and the last layer of f at 0, so training starts at the factorisation itself.
    """

    task: ClassVar[Task | None] = "ctr"

    def __init__(
        self,
        embeddings: EmbeddingCollection,
        n_dense: int,
        generator: torch.Generator,
        factors: Factors | CrossFitted | None,
        schema: Schema,
        bottom_mlp: tuple[int, ...] = (64,),
        top_mlp: tuple[int, ...] = (128, 64),
        residual: bool = False,
        constant: bool = False,
    ) -> None:
        super().__init__()
        require_at_least(1, "model", bottom_mlp=min(bottom_mlp, default=1), top_mlp=min(top_mlp, default=1))
        self.embeddings = embeddings
        dim = embeddings.dim
        self.bottom = mlp((n_dense, *bottom_mlp, dim), generator, last_relu=True) if n_dense else None
        self.constant: nn.Parameter | None = None
        if constant and not n_dense:
            self.constant = nn.Parameter(torch.empty(dim).normal_(0, dim**-0.5, generator=generator))
        n_vectors = len(embeddings.field_names) + (bool(n_dense) or self.constant is not None)
        if n_vectors < 2:
            raise UsageError(
                f"DLRM learns from products of vectors, and this log has {n_vectors}; set model.constant=true, or use "
                "another model or more columns."
            )
        self.products = PairwiseProducts(n_vectors)
        self.top = mlp((self.products.n_pairs + dim * bool(n_dense), *top_mlp, 1), generator, last_relu=False)
        self.starts_at_base = residual
        self.factor_logit: FactorLogit | None = None
        if residual:
            if factors is None:
                raise ValueError("residual=True needs factors, whose logit the network corrects; found None")
            self.factor_logit = FactorLogit(factors, schema)
            self.a = nn.Parameter(torch.ones(()))
            for weight in self.top[-1].parameters():
                nn.init.zeros_(weight)

    @classmethod
    def reads_factors(cls, options: Mapping[str, Any]) -> bool:
        """Return whether the network is a residual."""
        return bool(options.get("residual", False))

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, shape [B]."""
        if self.factor_logit is None:
            return self.network(batch)
        return self.a * self.factor_logit(batch) + self.network(batch)

    def network(self, batch: Batch) -> Tensor:
        """Return the output of the network alone, shape [B]: the logits, or the correction f(x) of a residual."""
        vectors = self.embeddings(batch)
        if self.bottom is None:
            if self.constant is not None:
                vectors = torch.cat([vectors, self.constant.expand(len(vectors), 1, -1)], 1)
            return self.top(self.products(vectors)).squeeze(1)
        dense = self.bottom(batch.dense)
        products = self.products(torch.cat([vectors, dense.unsqueeze(1)], 1))
        return self.top(torch.cat([dense, products], 1)).squeeze(1)

    def calibration(self) -> tuple[float, float]:
        """Return the learned scale a of a residual, and b = 0."""
        return (1.0 if self.factor_logit is None else float(self.a.detach())), 0.0
