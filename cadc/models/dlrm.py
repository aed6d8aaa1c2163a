"""Deep learning recommendation model (Naumov et al., arXiv 1906.00091)."""

from typing import Literal

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.data.schema import Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.errors import UsageError, require_at_least, require_probability
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors
from cadc.models.ctr_network import CTRNetwork
from cadc.models.interaction import PairwiseProducts
from cadc.models.mlp import mlp
from cadc.views.views import Views


class DLRM(CTRNetwork):
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
    views : that the network corrects the stack of; None for none.
    bottom_mlp : hidden widths of the bottom MLP, whose output has the tables' dimension.
    top_mlp : hidden widths of the top MLP, whose output is the logit.
    residual : correct the factorisation instead of replacing it: logit = a·z + f(x), where z is the factorisation's
        logit. The scale a starts at 1 and the last layer of f at 0, so training starts at the factorisation itself.
    constant : give logs without dense features a learned vector, equal for all rows, beside those of the fields.
        Without it a label that depends on a single field is learned only by way of products with others' vectors.
        It is a factor of products, so there is none where the vectors are only concatenated.
    interaction : what enters the top MLP: `products` of the vectors, all vectors one after the other (`concatenate`),
        or `both`. With products alone it has no direct path from a value to the logit.
    linear : add linear terms, see `cadc.models.linear_terms.LinearTerms`.
    dropout : probability that a hidden unit of an MLP is dropped in training.
    embedding_dropout : probability that an entry of a field vector is dropped in training.

    Raises
    ------
    UsageError : for options out of range, or products of a single vector.
    """

    def __init__(
        self,
        embeddings: EmbeddingCollection,
        n_dense: int,
        generator: torch.Generator,
        factors: Factors | CrossFitted | None,
        schema: Schema,
        views: Views | None,
        bottom_mlp: tuple[int, ...] = (64,),
        top_mlp: tuple[int, ...] = (128, 64),
        residual: bool = False,
        constant: bool = False,
        interaction: Literal["products", "concatenate", "both"] = "products",
        linear: bool = False,
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
    ) -> None:
        super().__init__(
            embeddings,
            factors,
            schema,
            linear=linear,
            embedding_dropout=embedding_dropout,
            residual=residual,
            views=views,
        )
        n_dense += self.n_numbers
        require_at_least(1, "model", bottom_mlp=min(bottom_mlp, default=1), top_mlp=min(top_mlp, default=1))
        require_probability("model", dropout=dropout)
        dim, n_fields, has_dense = embeddings.dim, len(embeddings.field_names), n_dense > 0
        bottom = (n_dense, *bottom_mlp, dim)
        self.bottom = mlp(bottom, generator, last_relu=True, dropout=dropout) if has_dense else None
        self.products: PairwiseProducts | None = None
        self.constant: nn.Parameter | None = None
        self.concatenates = interaction != "products"
        n_inputs = dim * (has_dense + n_fields * self.concatenates)
        if interaction != "concatenate":
            if constant and not has_dense:
                self.constant = nn.Parameter(torch.empty(dim).normal_(0, dim**-0.5, generator=generator))
            self.products = PairwiseProducts(_enough(n_fields + has_dense + (self.constant is not None)))
            n_inputs += self.products.n_pairs
        self.top = mlp((n_inputs, *top_mlp, 1), generator, last_relu=False, dropout=dropout)
        self.start_at_base(self.top[-1])

    def network(self, batch: Batch) -> Tensor:
        """Return the output of the network alone, shape [B]: the logits, or the correction f(x) of a residual."""
        vectors = self.vectors(batch)
        inputs = [vectors.flatten(1)] if self.concatenates else []
        own = [vectors]
        if self.bottom is not None:
            dense = self.bottom(batch.dense)
            inputs.append(dense)
            own.append(dense.unsqueeze(1))
        if self.constant is not None:
            own.append(self.constant.expand(len(vectors), 1, -1))
        if self.products is not None:
            inputs.append(self.products(_joined(own)))
        return self.top(_joined(inputs)).squeeze(1)


def _joined(parts: list[Tensor]) -> Tensor:
    """Return parts one after the other along dimension 1."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


def _enough(n_vectors: int) -> int:
    """Return a number of vectors that have products."""
    if n_vectors < 2:
        raise UsageError(
            f"DLRM learns from products of vectors, and this log has {n_vectors}; set model.constant=true or "
            "model.interaction=concatenate, or use another model or more columns."
        )
    return n_vectors
