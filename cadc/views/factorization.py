"""The run's factorisation as a view: its logit, and the logits of other thresholds of the rating."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.schema import Schema
from cadc.factorization.factor_logit import FactorLogit
from cadc.factorization.factors import Factors
from cadc.views.evidence import Evidence
from cadc.views.view import RowsToScore, View


class FactorizationView(View):
    """The logit of the run's factorisation, `factorization=…`, fitted on the rows that views read."""

    needs_factors: ClassVar[bool] = True
    has_pairs: ClassVar[bool] = True

    @classmethod
    def require_fields(cls, schema: Schema) -> None:
        """Accept any log: the factorisation says itself which fields it reads."""

    def fit(self, evidence: Evidence) -> dict[str, Tensor]:
        """Return the tables of the factors: vectors with the bias in their last column, by field."""
        return arrays_of(evidence.factors)

    def numbers(self, fitted: Mapping[str, Tensor], rows: RowsToScore) -> Tensor:
        """Return the logits, float32, shape [B, 1]."""
        return logits_of(fitted, rows).unsqueeze(1)

    def pair_numbers(self, fitted: Mapping[str, Tensor], users: RowsToScore, items: RowsToScore) -> Tensor:
        """Return the logits of all pairs of b users and n items, float32, shape [b, n, 1]."""
        return pair_logits_of(fitted, users, items).unsqueeze(2)

    def vectors(self, fitted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the vectors of each field, without biases."""
        return {name: table[:, :-1] for name, table in fitted.items() if name != DENSE}


DENSE = "dense_weights"


def arrays_of(factors: Factors) -> dict[str, Tensor]:
    """Return factors as tables by field, float32, shape [vocabulary size, k + 1], and weights of dense columns."""
    arrays = {name: torch.cat([own, factors.biases[name].unsqueeze(1)], 1) for name, own in factors.vectors.items()}
    return arrays if factors.dense is None else arrays | {DENSE: factors.dense}


def logits_of(fitted: Mapping[str, Tensor], rows: RowsToScore) -> Tensor:
    """Return the logits of tables that `arrays_of` returned, float32, shape [B]."""
    found: Tensor = _logit(fitted, rows)(rows.batch)
    return found


def pair_logits_of(fitted: Mapping[str, Tensor], users: RowsToScore, items: RowsToScore) -> Tensor:
    """Return the logits of all pairs of b users and n items, float32, shape [b, n]; see `View.pair_numbers`."""
    return _logit(fitted, users).pair_logits(users.batch, items.batch)


def _logit(fitted: Mapping[str, Tensor], rows: RowsToScore) -> FactorLogit:
    tables = {name: table.unsqueeze(0) for name, table in fitted.items() if name != DENSE}
    dense = fitted[DENSE].unsqueeze(0) if DENSE in fitted else None
    return FactorLogit.of_tables(tables, dense, rows.schema)
