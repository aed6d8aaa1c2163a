"""The factorisation alone, as a model of its own: what the network has to beat."""

from typing import ClassVar

from torch import Tensor, nn

from cadc.data.log import Batch
from cadc.data.schema import Schema
from cadc.factorization.factors import Factors, pairwise_logits


class FactorizationModel(nn.Module):
    """Scores a row by the factorisation's logit.

    Parameters
    ----------
    factors : of some single-valued fields.
    schema : of the log, to find their columns in a batch.
    """

    trainable = False
    needs_factors = True
    factor_dim: ClassVar[int | None] = None
    """Length of the vectors that the model insists on; None leaves it to the configuration."""

    def __init__(self, factors: Factors, schema: Schema) -> None:
        super().__init__()
        single = [field.name for field in schema.single]
        self.columns = {name: single.index(name) for name in factors.fields}
        self.vectors = nn.ParameterDict({name: nn.Parameter(factors.vectors[name], False) for name in factors.fields})
        self.biases = nn.ParameterDict({name: nn.Parameter(factors.biases[name], False) for name in factors.fields})

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, shape [B]."""
        ids = {name: batch.ids[:, column] for name, column in self.columns.items()}
        return pairwise_logits(
            [self.vectors[name].index_select(0, rows) for name, rows in ids.items()],
            [self.biases[name].index_select(0, rows) for name, rows in ids.items()],
        )


class BiasModel(FactorizationModel):
    """Scores a row by user and item bias alone."""

    factor_dim: ClassVar[int | None] = 0
