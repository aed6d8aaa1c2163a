"""Initialisers of embedding tables: random values, and the treatment of ids that the sample never shows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from cadc.configuration.components import require_choices
from cadc.data.log import InteractionLog
from cadc.data.schema import Schema
from cadc.embeddings.base.row_blocks import ComputedRows, DrawnRows, RowBlocks
from cadc.errors import UsageError, require_at_least
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors
from cadc.randomness import child_generator

Unseen = Literal["zero", "random", "unknown"]


@dataclass(kw_only=True, eq=False)
class Initializer:
    """Starts tables from normal random values, and some of them (`enriched`) from something better.

    Parameters
    ----------
    std : standard deviation of the random values; *unknown* (id 0) starts at zero.
    freeze : keep the enriched tables as they start; or the names of the fields whose tables are kept.
    unseen : start of ids that do not occur in the sample, in fields that are not enriched: `zero`; `random`, which
        training then leaves as it is; `unknown`: they are looked up as *unknown*.
    id_dropout : with `unseen=unknown`, share of ids that training takes for *unknown*, so that it is trained at all.
    """

    needs_factors: ClassVar[bool] = False
    """Whether tables start from the vectors of a factorisation."""
    reads_biases: ClassVar[bool] = False
    """Whether tables start from its biases, too; penalties that are `auto` are chosen only where something does."""
    extra_columns: ClassVar[int] = 0
    """Columns of the enriched tables that are not vectors of the factors."""
    # Not annotated, so that a subclass can make it an option at the end of its own.
    covers_cold = False
    """Whether users and items that never occur in training get ids, and rows, of their own."""

    std: float = 0.05
    freeze: bool | tuple[str, ...] = False
    unseen: Unseen = "zero"
    id_dropout: float = 0.05

    def __post_init__(self) -> None:
        """Check the options."""
        require_choices(self, "initializer")
        require_at_least(0, "initializer", std=self.std, id_dropout=self.id_dropout)
        if not self.id_dropout < 1:
            raise UsageError(f"initializer.id_dropout is {self.id_dropout}; it must be below 1.")

    @classmethod
    def pinned(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return options with the hash of the content of each file that they name, as records keep them."""
        return dict(options)

    def enriched_fields(self, schema: Schema, factors: Factors | CrossFitted | None) -> Collection[str]:
        """Return the names of the fields that do not start from random values."""
        return ()

    def enriched(
        self, log: InteractionLog, dim: int, factors: Factors | CrossFitted | None, start: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """Return the starting values of the enriched fields, given those that all fields would have without.

        Shapes are [vocabulary size, dim], or [K, vocabulary size, dim] for a table a fold.
        """
        return {}

    def kept_columns(self, schema: Schema, factors: Factors | CrossFitted | None) -> Mapping[str, Sequence[int]]:
        """Return the columns of the enriched fields that hold a number for each value but are not part of a vector.

        Columns are counted from the end, -1 the last. A column that is the same for all values does not count.
        """
        return {}

    def frozen_fields(self, schema: Schema, factors: Factors | CrossFitted | None) -> Collection[str]:
        """Return the names of the fields that are not trained.

        Raises
        ------
        UsageError : for a field that the log does not have.
        """
        if isinstance(self.freeze, bool):
            return self.enriched_fields(schema, factors) if self.freeze else ()
        strange = [name for name in self.freeze if name not in schema]
        if strange:
            raise UsageError(
                f"initializer.freeze names {strange[0]}, which is not a field of this log; choose from "
                f"{', '.join(field.name for field in schema.fields)}."
            )
        return self.freeze

    def unknown_ids(
        self, schema: Schema, factors: Factors | CrossFitted | None, seen: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return, with `unseen=unknown`, which ids are looked up as *unknown*, bool [vocabulary size], by field."""
        if self.unseen != "unknown":
            return {}
        enriched = self.enriched_fields(schema, factors)
        return {name: ~is_seen for name, is_seen in seen.items() if name not in enriched}

    def targets(
        self,
        log: InteractionLog,
        dim: int,
        factors: Factors | CrossFitted | None,
        generator: torch.Generator,
        seen: Mapping[str, Tensor] | None = None,
        rowless: Collection[str] = (),
    ) -> dict[str, Tensor | None]:
        """Return the starting values of each field's table.

        Parameters
        ----------
        log : the log, whose fields these are.
        dim : columns of every table.
        factors : of the factorisation, if there is one.
        generator : of the random values; each field has its own, so that a field's are the same in all arms.
        seen : which ids occur in the sample, bool [vocabulary size], by field; None means that all ids occur.
        rowless : names of the fields whose tables hold no vector for each value and draw random values themselves.

        Returns
        -------
        targets : float32, shape [vocabulary size, dim], by field; of a field that starts from cross-fitted vectors
            [K, vocabulary size, dim], a table for each fold; None of a rowless field that starts from random values.

        Raises
        ------
        UsageError : where the factors do not fit the tables.
        """
        enriched = self.enriched_fields(log.schema, factors)
        tables = {
            name: drawn.whole()
            for name, drawn in self._drawn(log, dim, generator, seen).items()
            if name not in rowless or name in enriched
        }
        return dict.fromkeys(rowless) | tables | dict(self.enriched(log, dim, factors, tables))

    def blocks(
        self,
        log: InteractionLog,
        dim: int,
        factors: Factors | CrossFitted | None,
        generator: torch.Generator,
        seen: Mapping[str, Tensor] | None = None,
    ) -> dict[str, RowBlocks]:
        """Return what `targets` returns in blocks of rows, for tables of which a process holds a part.

        Raises
        ------
        UsageError : where the factors do not fit the tables.
        """
        drawn = self._drawn(log, dim, generator, seen)
        return drawn | dict(self.enriched_blocks(log, dim, factors, drawn))

    def enriched_blocks(
        self,
        log: InteractionLog,
        dim: int,
        factors: Factors | CrossFitted | None,
        start: Mapping[str, RowBlocks],
    ) -> Mapping[str, RowBlocks]:
        """Return what `enriched` returns in blocks of rows; by default they are cut from whole tables."""
        names = self.enriched_fields(log.schema, factors)
        if not names:
            return {}
        whole = self.enriched(log, dim, factors, {name: blocks.whole() for name, blocks in start.items()})
        return {name: ComputedRows((len(table), dim), table.__getitem__) for name, table in whole.items()}

    def _drawn(
        self, log: InteractionLog, dim: int, generator: torch.Generator, seen: Mapping[str, Tensor] | None
    ) -> dict[str, RowBlocks]:
        """Return the random start of every field, with a generator of its own for each."""
        zeroed = {} if seen is None or self.unseen == "random" else seen
        drawn: dict[str, RowBlocks] = {}
        for field in log.schema.fields:
            shape, own = (field.vocabulary_size, dim), child_generator(generator)
            drawn[field.name] = DrawnRows(shape, self.std, own, zeroed.get(field.name))
        return drawn
