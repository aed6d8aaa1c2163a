"""Ids of each field that occur in some rows of a log, and how often, counted part by part."""

from collections.abc import Iterable

import torch
from torch import Tensor

from cadc.data.grouping import PART_ROWS
from cadc.data.log import InteractionLog
from cadc.data.schema import UNKNOWN, EntitySide


def seen_ids(log: InteractionLog, rows: Tensor, fields: Iterable[str] | None = None) -> dict[str, Tensor]:
    """Tell for each field which of its ids occur in some rows; *unknown* counts as never seen.

    Parameters
    ----------
    log : the log.
    rows : row numbers, shape [n].
    fields : names of the fields; None takes all fields of the log.

    Returns
    -------
    By field name: bool, shape [vocabulary size].
    """
    names = [field.name for field in log.schema.fields] if fields is None else list(fields)
    seen = {}
    for name in names:
        if not log.schema[name].bag:
            seen[name] = field_counts(log, name, rows) > 0
    bags = [name for name in names if log.schema[name].bag]
    for side, features in log.entities.items():
        own = [name for name in bags if log.schema[name].side == side]
        if own:
            entities = entity_counts(log, side, rows).nonzero()[:, 0]
            for name in own:
                seen[name] = torch.zeros(log.schema[name].vocabulary_size, dtype=torch.bool)
                seen[name][features.gather_bag(name, entities).values.long()] = True
    for mask in seen.values():
        mask[UNKNOWN] = False
    return seen


def field_counts(log: InteractionLog, field: str, rows: Tensor) -> Tensor:
    """Return the number of rows that hold each id of a single-valued field, int64, shape [vocabulary size].

    Parameters
    ----------
    log : the log.
    field : name of the field.
    rows : row numbers, shape [n].
    """
    counts = torch.zeros(log.schema[field].vocabulary_size, dtype=torch.int64)
    for part in rows.split(PART_ROWS):
        counts += torch.bincount(log.field_ids(field, part), minlength=len(counts))
    return counts


def entity_counts(log: InteractionLog, side: EntitySide, rows: Tensor) -> Tensor:
    """Return the number of rows of each user or item, int64, shape [rows of the entity table].

    Parameters
    ----------
    log : the log.
    side : `user` or `item`.
    rows : row numbers, shape [n].
    """
    counts = torch.zeros(log.n_entities(side), dtype=torch.int64)
    for part in rows.split(PART_ROWS):
        counts += torch.bincount(log.entity_rows(side, part), minlength=len(counts))
    return counts
