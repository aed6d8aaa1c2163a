"""CADC's own start: tables start from the vectors of a factorisation (arXiv 2407.08108)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import Schema
from cadc.embeddings.base.row_blocks import ComputedRows, RowBlocks
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
    lays_out_by_row: ClassVar[bool] = True
    """Whether `layout` makes a row of a table from the factors of that row alone."""

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
        factors = self._require_length(dim, factors)
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

    def enriched_blocks(
        self,
        log: InteractionLog,
        dim: int,
        factors: Factors | CrossFitted | None,
        start: Mapping[str, RowBlocks],
    ) -> Mapping[str, RowBlocks]:
        """Return the starting values block by block where that of a row depends on its factors alone."""
        if not self.lays_out_by_row or self.scale_to is not None or not isinstance(factors, Factors):
            return super().enriched_blocks(log, dim, factors, start)
        self._require_length(dim, factors)

        def rows_of(name: str) -> ComputedRows:
            return ComputedRows(
                (len(factors.biases[name]), dim), lambda rows: self.layout(log, factors.rows(name, rows))[name]
            )

        return {name: rows_of(name) for name in factors.fields}

    def layout(self, log: InteractionLog, factors: Factors) -> dict[str, Tensor]:
        """Return the columns of the enriched tables, float32, shape [vocabulary size, dim], by field."""
        return {name: self.scaled(vectors) for name, vectors in factors.vectors.items()}

    def _require_length(self, dim: int, factors: Factors | CrossFitted | None) -> Factors | CrossFitted:
        """Return factors whose vectors fill the columns of a table; raise a UsageError for others."""
        wanted = dim - self.extra_columns
        if factors is not None and factors.dim == wanted:
            return factors
        found = None if factors is None else factors.dim
        fitting = "" if found is None else f", or set embedding.dim={found + self.extra_columns}"
        of_columns = f", {self.extra_columns} of them not from factors" if self.extra_columns else ""
        raise UsageError(
            f"the factors have {found} columns and the table has {dim}{of_columns}: factorise with "
            f"factorization.dim={wanted}{fitting}."
        )
