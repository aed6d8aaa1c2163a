"""No enrichment: every table starts from random values."""

from collections.abc import Collection
from dataclasses import dataclass

from cadc.data.schema import ENTITY_FIELDS, Schema
from cadc.embeddings.initializers.initializer import Initializer
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors


@dataclass(kw_only=True, eq=False)
class RandomInitializer(Initializer):
    """Every table starts from normal random values.

    Parameters
    ----------
    std, unseen, id_dropout : see `Initializer`.
    freeze : keep the user and item tables as they start (a control: with `unseen=random`, vectors that identify users
        and items and carry no other information); or the names of the fields whose tables are kept.
    """

    def frozen_fields(self, schema: Schema, factors: Factors | CrossFitted | None) -> Collection[str]:
        """Return the names of the fields that are not trained."""
        if self.freeze is True:
            return tuple(name for name in ENTITY_FIELDS if name in schema)
        return super().frozen_fields(schema, factors)
