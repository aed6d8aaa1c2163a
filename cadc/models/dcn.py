"""Deep and cross network, version 2 (Wang et al., WWW 2021, arXiv 2008.13535)."""

from typing import Literal

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.data.schema import Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.errors import require_at_least, require_probability
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors
from cadc.models.cross_layers import CrossLayer, CrossMixture
from cadc.models.ctr_network import CTRNetwork
from cadc.models.mlp import mlp, mlp_linear
from cadc.views.views import Views


class DCN(CTRNetwork):
    """Cross layers, each of which raises the degree of the products of its inputs by one, and an MLP.

    Their input x_0 holds the field vectors one after the other, then the dense features. Layers of full rank are
    `CrossLayer`, those of low rank `CrossMixture`.

    Parameters
    ----------
    embeddings : the tables.
    n_dense : number of dense features.
    generator : draws the initial weights.
    factors : of the factorisation; only `residual` reads them.
    schema : of the log.
    views : that the network corrects the stack of; None for none.
    cross_layers : number of cross layers.
    rank : of the matrices of cross layers, which are then a mixture of `experts`; None for full rank.
    experts : number of matrices of low rank in a cross layer, mixed by a gate.
    structure : `parallel`: the outputs of cross layers and MLP, which both read x_0, make the logit together;
        `stacked`: the MLP reads the output of the cross layers.
    hidden : hidden widths of the MLP; an empty tuple leaves it out.
    linear : add linear terms, see `cadc.models.linear_terms.LinearTerms`.
    dropout : probability that a hidden unit of the MLP is dropped in training.
    embedding_dropout : probability that an entry of a field vector is dropped in training.
    residual : correct the factorisation instead of replacing it: logit = a·z + f(x), where z is the factorisation's
        logit. The last layer of f starts at 0, so training starts at the factorisation itself.

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
        cross_layers: int = 3,
        rank: int | None = None,
        experts: int = 4,
        structure: Literal["parallel", "stacked"] = "parallel",
        hidden: tuple[int, ...] = (128, 64),
        linear: bool = False,
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        residual: bool = False,
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
        require_at_least(1, "model", cross_layers=cross_layers, rank=1 if rank is None else rank, experts=experts)
        require_at_least(1, "model", hidden=min(hidden, default=1))
        require_probability("model", dropout=dropout)
        n_inputs = len(embeddings.field_names) * embeddings.dim + n_dense
        self.crosses = nn.ModuleList(
            CrossLayer(n_inputs, generator) if rank is None else CrossMixture(n_inputs, rank, experts, generator)
            for _ in range(cross_layers)
        )
        self.deep = mlp((n_inputs, *hidden), generator, last_relu=True, dropout=dropout)
        if dropout and hidden:
            # Its last layer is hidden, too.
            self.deep.append(nn.Dropout(dropout))
        self.is_parallel = structure == "parallel" and len(hidden) > 0
        n_deep = hidden[-1] if hidden else n_inputs
        self.last = mlp_linear(n_deep + n_inputs * self.is_parallel, 1, generator, relu=False)
        self.start_at_base(self.last)

    def network(self, batch: Batch) -> Tensor:
        """Return the output of the last layer, shape [B]."""
        first = torch.cat([self.vectors(batch).flatten(1), batch.dense], 1)
        crossed = first
        for layer in self.crosses:
            crossed = layer(first, crossed)
        if self.is_parallel:
            return self.last(torch.cat([crossed, self.deep(first)], 1)).squeeze(1)
        return self.last(self.deep(crossed)).squeeze(1)
