"""Linear terms of a click model: a weight for each value of every field and for each dense feature."""

from collections.abc import Collection, Iterator

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.data.schema import Schema
from cadc.distributed.ranks import Ranks
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.schemes.full import Full


class LinearTerms(nn.Module):
    """Σ_f w_f + w·x, the wide part of a network (Cheng et al., DLRS 2016, section 3.1) without crossed columns.

    All weights start at 0. Those of values lie in full tables of one column, whatever the scheme of the vectors, and
    their bytes count with the tables; they bear the penalty of vectors. A bag has the mean weight of its values.

    Parameters
    ----------
    schema : of the log.
    names : of the fields that have weights; None takes all of them, and the dense features.
    ranks : that share the rows of the tables; None where each process holds all of them.

    Attributes
    ----------
    values : tables of the weights of values, one column each.
    dense : weights of the dense features, float32, shape [D]; None without any.
    """

    def __init__(self, schema: Schema, names: Collection[str] | None = None, ranks: Ranks | None = None) -> None:
        super().__init__()
        zeros = {field.name: torch.zeros(field.vocabulary_size, 1) for field in schema.fields}
        scheme = Full(dim=1)
        scheme.ranks = ranks
        self.values = EmbeddingCollection(schema, scheme, InitialValues(zeros), names=names)
        has_dense = names is None and schema.dense
        self.dense = nn.Parameter(torch.zeros(len(schema.dense))) if has_dense else None

    def forward(self, batch: Batch) -> Tensor:
        """Return the sum of the terms of each row, shape [B]."""
        logits: Tensor = self.values(batch).sum((1, 2))
        return logits if self.dense is None else logits + (batch.dense * self.dense).sum(1)

    def weights(self, schema: Schema) -> dict[str, Tensor]:
        """Return the weights of the values of each field by its name, float32, shape [vocabulary size]."""
        return {name: table.squeeze(1) for name, table in self.values.dense_tables(schema).items()}


def collections_of_vectors(model: nn.Module) -> Iterator[EmbeddingCollection]:
    """Yield the collections of a model that hold vectors, those of linear terms left out."""
    of_weights = {id(module.values) for module in model.modules() if isinstance(module, LinearTerms)}
    for module in model.modules():
        if isinstance(module, EmbeddingCollection) and id(module) not in of_weights:
            yield module
