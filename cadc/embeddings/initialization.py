"""What the tables of a model start from: the values that an initialiser gives, in a form that suits the scheme."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.seen_ids import seen_ids
from cadc.embeddings.base.row_blocks import RowBlocks
from cadc.embeddings.base.scheme import Scheme
from cadc.embeddings.base.statistics import NOTHING_KNOWN, Statistics
from cadc.embeddings.initializers.initializer import Initializer
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors

Start: TypeAlias = Tensor | RowBlocks


@dataclass(frozen=True)
class InitialValues:
    """The starting values of all fields' tables, and which of the tables are trained.

    Parameters
    ----------
    targets : values that each field's table starts from, float32, shape [vocabulary size, dim], by field name; of
        frozen fields also [K, vocabulary size, dim], a table for each fold of cross-fitting; None for a random start.
        For tables that several processes share, they come in blocks of rows.
    frozen : names of the fields whose vectors are not trained.
    enriched : names of the fields whose targets are more than random values.
    unknown_ids : ids that are looked up as *unknown*, bool, shape [vocabulary size], by field name.
    id_dropout : share of the ids of the fields in `unknown_ids` that training takes for *unknown*.
    std : standard deviation of random starts.
    kept : columns of a field's vectors that are biases and the like, see `TableSpec`.
    statistics : of the training rows.
    """

    targets: Mapping[str, Start | None]
    frozen: Collection[str] = ()
    enriched: Collection[str] = ()
    unknown_ids: Mapping[str, Tensor] = field(default_factory=dict)
    id_dropout: float = 0.0
    std: float = 0.05
    kept: Mapping[str, Sequence[int]] = field(default_factory=dict)
    statistics: Statistics = NOTHING_KNOWN


def initial_values(
    initializer: Initializer,
    scheme: Scheme,
    log: InteractionLog,
    factors: Factors | CrossFitted | None,
    rows: Tensor,
    generator: torch.Generator,
) -> InitialValues:
    """Return what the tables of a log's fields start from.

    Parameters
    ----------
    initializer : gives the values.
    scheme : stores the tables.
    log : the log, whose fields these are.
    factors : of the factorisation, if there is one.
    rows : training rows that the model is fitted on, int64, shape [n]; ids that occur in none of them are *unseen*.
    generator : of the random values.

    Raises
    ------
    UsageError : where factors, initialiser and scheme do not fit one another.
    """
    seen = seen_ids(log, rows)
    compressed = [field.name for field in log.schema.fields if scheme.is_compressed(field)]
    enriched = initializer.enriched_fields(log.schema, factors)
    scheme.require_start([name for name in compressed if name in enriched])
    rowless = () if scheme.table_class.holds_rows else compressed
    statistics = Statistics.of(log) if scheme.needs_statistics else NOTHING_KNOWN
    targets: Mapping[str, Start | None]
    if scheme.ranks is None:
        whole = initializer.targets(log, scheme.dim, factors, generator, seen, rowless)
        targets = scheme.arranged(whole, enriched, initializer.extra_columns, statistics)
    else:
        # Uncompressed tables have nothing to arrange.
        targets = initializer.blocks(log, scheme.dim, factors, generator, seen)
    return InitialValues(
        targets=targets,
        frozen=initializer.frozen_fields(log.schema, factors),
        enriched=enriched,
        unknown_ids=initializer.unknown_ids(log.schema, factors, seen),
        id_dropout=initializer.id_dropout,
        std=initializer.std,
        kept=initializer.kept_columns(log.schema, factors),
        statistics=statistics,
    )
