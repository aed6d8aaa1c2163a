"""Counts of ids and entities in some rows of a log, read part by part."""

import torch
from torch import Tensor

from cadc.data.grouping import PART_ROWS
from cadc.data.log import InteractionLog
from cadc.data.schema import EntitySide


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
