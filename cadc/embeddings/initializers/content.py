"""Tables that start from factors, completed from side features for users and items with few rows or none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import Schema
from cadc.embeddings.fitting.completion import Weighting, complete
from cadc.embeddings.initializers.mf import MFInitializer
from cadc.embeddings.initializers.mf_bias import MFBiasInitializer
from cadc.errors import require_at_least, require_positive
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors


@dataclass(kw_only=True, eq=False)
class ContentInitializer(MFBiasInitializer):
    """As `mf_bias`, but users and items that never occur in training get vectors too, from a ridge regression.

    Parameters
    ----------
    std, freeze, unseen, id_dropout, scale_to : see `EnrichedInitializer`.
    l2, weighting, shrinkage : of the regression, see `cadc.embeddings.fitting.completion.complete`.
    biases : whether two columns carry the biases, as with `mf_bias`; without them tables are those of `mf`.
    """

    covers_cold = True

    lays_out_by_row: ClassVar[bool] = False

    l2: float = 10.0
    weighting: Weighting = "sqrt"
    shrinkage: float = 0.0
    biases: bool = True

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        require_positive("initializer", l2=self.l2)
        require_at_least(0, "initializer", shrinkage=self.shrinkage)

    @property
    def extra_columns(self) -> int:  # type: ignore[override]
        """Columns of the enriched tables that are not vectors: those of the biases."""
        return 2 if self.biases else 0

    def kept_columns(self, schema: Schema, factors: Factors | CrossFitted | None) -> Mapping[str, Sequence[int]]:
        """Return the column of the biases of each field, where there is one."""
        return super().kept_columns(schema, factors) if self.biases else {}

    def layout(self, log: InteractionLog, factors: Factors) -> dict[str, Tensor]:
        """Return the columns of the enriched tables, float32, shape [vocabulary size, dim], by field."""
        completed = complete(factors, log, self.l2, self.weighting, self.shrinkage)
        way = MFBiasInitializer if self.biases else MFInitializer
        return way.layout(self, log, completed)
