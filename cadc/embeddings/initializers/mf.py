"""CADC's own start: tables start from the vectors of a factorisation (arXiv 2407.08108)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import Schema
from cadc.embeddings.initializers.enriched import EnrichedInitializer
from cadc.errors import UsageError
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors


@dataclass(kw_only=True, eq=False)
class MFInitializer(EnrichedInitializer):
    """The tables of all factorised fields start from their vectors, without the biases, as in the paper.

    `freeze=true` is the paper's Init-Frz. Cross-fitted vectors are turned into one basis; a training row then looks up
    the table that was fitted without it, and any other row the mean of the tables, so they can only be frozen.
    """

    needs_factors: ClassVar[bool] = True

    def enriched_fields(self, schema: Schema, factors: Factors | CrossFitted | None) -> Collection[str]:
        """Return the names of the factorised fields."""
        return () if factors is None else factors.fields

    def enriched(
        self, log: InteractionLog, dim: int, factors: Factors | CrossFitted | None, start: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """Return the starting values of the factorised fields.

        Raises
        ------
        UsageError : for factors of another length, or cross-fitted ones that would be trained.
        """
        wanted = dim - self.extra_columns
        if factors is None or factors.dim != wanted:
            found = None if factors is None else factors.dim
            fitting = "" if found is None else f", or set embedding.dim={found + self.extra_columns}"
            of_columns = f", {self.extra_columns} of them not from factors" if self.extra_columns else ""
            raise UsageError(
                f"the factors have {found} columns and the table has {dim}{of_columns}: factorise with "
                f"factorization.dim={wanted}{fitting}."
            )
        if isinstance(factors, Factors):
            return self.layout(log, factors)
        trained = [name for name in factors.fields if name not in self.frozen_fields(log.schema, factors)]
        if trained:
            raise UsageError(
                f"cross-fitted vectors can only be frozen, and those of {', '.join(trained)} would be trained: set "
                "initializer.freeze=true, or factorization_rows=full or complement."
            )
        parts = [self.layout(log, part) for part in factors.aligned()]
        return {name: torch.stack([part[name] for part in parts]) for name in factors.fields}

    def layout(self, log: InteractionLog, factors: Factors) -> dict[str, Tensor]:
        """Return the columns of the enriched tables, float32, shape [vocabulary size, dim], by field."""
        return {name: self.scaled(vectors) for name, vectors in factors.vectors.items()}
