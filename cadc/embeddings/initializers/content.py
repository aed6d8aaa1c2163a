"""Tables that start from factors, completed from side features for users and items with few rows or none."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import Schema
from cadc.embeddings.fitting.completion import Weighting, complete
from cadc.embeddings.initializers.initializer import Unseen
from cadc.embeddings.initializers.mf import MFInitializer
from cadc.embeddings.initializers.mf_bias import MFBiasInitializer
from cadc.errors import require_at_least, require_positive
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors


class ContentInitializer(MFBiasInitializer):
    """As `mf_bias`, but users and items that never occur in training have rows, and vectors from a ridge regression.

    Parameters
    ----------
    std, freeze, scale_to, unseen, id_dropout : see `MFInitializer`.
    l2, weighting, shrinkage : of the regression, see `cadc.embeddings.fitting.completion.complete`.
    biases : whether the tables carry the biases in two columns, as those of `mf_bias`, or none, as those of `mf`.
    """

    covers_cold = True

    def __init__(
        self,
        std: float = 0.05,
        freeze: bool | tuple[str, ...] = False,
        scale_to: float | None = None,
        unseen: Unseen = "zero",
        id_dropout: float = 0.05,
        l2: float = 10.0,
        weighting: Weighting = "sqrt",
        shrinkage: float = 0.0,
        biases: bool = True,
    ) -> None:
        super().__init__(std, freeze, scale_to, unseen, id_dropout)
        require_positive("initializer", l2=l2)
        require_at_least(0, "initializer", shrinkage=shrinkage)
        self.l2, self.weighting, self.shrinkage, self.biases = l2, weighting, shrinkage, biases
        self.extra_columns = 2 if biases else 0

    def kept_columns(self, schema: Schema, factors: Factors | CrossFitted | None) -> Mapping[str, Sequence[int]]:
        """Return the column of the biases of each field, where there is one."""
        return super().kept_columns(schema, factors) if self.biases else {}

    def layout(self, log: InteractionLog, factors: Factors) -> dict[str, Tensor]:
        """Return the columns of the enriched tables, float32, shape [vocabulary size, dim], by field."""
        completed = complete(factors, log, self.l2, self.weighting, self.shrinkage)
        way = MFBiasInitializer if self.biases else MFInitializer
        return way.layout(self, log, completed)
