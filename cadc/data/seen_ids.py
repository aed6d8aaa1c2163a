"""Ids of each field that occur in some rows of a log."""

from collections.abc import Iterable

import torch
from torch import Tensor

from cadc.data.counts import entity_counts, field_counts
from cadc.data.log import InteractionLog
from cadc.data.schema import UNKNOWN


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
