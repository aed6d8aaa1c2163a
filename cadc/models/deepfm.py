"""DeepFM (Guo et al., IJCAI 2017): a factorisation machine and an MLP on the same field vectors."""

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.data.schema import Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.errors import require_at_least, require_probability
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors
from cadc.models.ctr_network import CTRNetwork
from cadc.models.mlp import mlp
from cadc.views.views import Views

DENSE_STD = 0.05
"""Standard deviation of the initial vectors of dense features: that of embedding tables by default."""


class DeepFM(CTRNetwork):
    """logit = l(x) + Σ_{f<g} e_f·e_g + MLP(e_1, …, e_F), where l are linear terms and e_f field vectors.

    A dense feature x is a field whose vector is x·v, with a learned v, as in a factorisation machine.

    Parameters
    ----------
    embeddings : the tables.
    n_dense : number of dense features.
    generator : draws the initial weights.
    factors : of the factorisation; only `residual` reads them.
    schema : of the log.
    views : that the network corrects the stack of; None for none.
    hidden : hidden widths of the MLP.
    dropout : probability that a hidden unit is dropped in training.
    embedding_dropout : probability that an entry of a field vector is dropped in training.
    residual : correct the factorisation instead of replacing it: logit = a·z + f(x), where z is the factorisation's
        logit. In f the sum of products has a learned factor that starts at 0, as does the last layer of the MLP, so
        training starts at the factorisation itself.

    Raises
    ------
    UsageError : for options out of range.
    """

    def __init__(
        self,
        embeddings: EmbeddingCollection,
        n_dense: int,
        generator: torch.Generator,
        factors: Factors | CrossFitted | None,
        schema: Schema,
        views: Views | None,
        hidden: tuple[int, ...] = (128, 64),
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        residual: bool = False,
    ) -> None:
        super().__init__(
            embeddings,
            factors,
            schema,
            linear=True,
            embedding_dropout=embedding_dropout,
            residual=residual,
            views=views,
        )
        n_dense += self.n_numbers
        require_at_least(1, "model", hidden=min(hidden, default=1))
        require_probability("model", dropout=dropout)
        dim, n_fields = embeddings.dim, len(embeddings.field_names) + n_dense
        self.of_dense: nn.Parameter | None = None
        if n_dense:
            self.of_dense = nn.Parameter(torch.empty(n_dense, dim).normal_(0, DENSE_STD, generator=generator))
        self.deep = mlp((n_fields * dim, *hidden, 1), generator, last_relu=False, dropout=dropout)
        self.start_at_base(self.deep[-1])
        self.gate = nn.Parameter(torch.zeros(())) if self.starts_at_base else None

    def network(self, batch: Batch) -> Tensor:
        """Return the sum of products and the MLP's output, shape [B]."""
        vectors = self.vectors(batch)
        if self.of_dense is not None:
            vectors = torch.cat([vectors, batch.dense.unsqueeze(2) * self.of_dense], 1)
        products = sum_of_products(vectors)
        if self.gate is not None:
            products = self.gate * products
        return products + self.deep(vectors.flatten(1)).squeeze(1)


def sum_of_products(vectors: Tensor) -> Tensor:
    """Return Σ_{f<g} e_f·e_g of vectors [B, F, d], shape [B], as ½(‖Σ_f e_f‖² - Σ_f ‖e_f‖²) (Rendle 2010, lemma 3.1).

    >>> sum_of_products(torch.tensor([[[1.0, 2.0], [3.0, 4.0], [0.0, 1.0]]]))
    tensor([17.])
    """
    return 0.5 * (vectors.sum(1).square().sum(1) - vectors.square().sum((1, 2)))
