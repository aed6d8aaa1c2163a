"""Ids of each field that occur in some rows of a log."""

from collections.abc import Iterable

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import UNKNOWN


def seen_ids(log: InteractionLog, rows: Tensor, fields: Iterable[str] | None = None) -> dict[str, Tensor]:
    """Tell for each field which of its ids occur in some rows; *unknown* counts as never seen.

    Parameters
    ----------
    log : the log.
    rows : row numbers, int64, shape [n].
    fields : names of the fields; None takes all fields of the log.

    Returns
    -------
    By field name: bool, shape [vocabulary size].
    """
    names = [field.name for field in log.schema.fields] if fields is None else list(fields)
    seen = {name: torch.zeros(log.schema[name].vocabulary_size, dtype=torch.bool) for name in names}
    for name in names:
        if not log.schema[name].bag:
            seen[name][log.field_ids(name, rows).long()] = True
    bags = [name for name in names if log.schema[name].bag]
    for side, features in log.entities.items():
        own = [name for name in bags if log.schema[name].side == side]
        if own:
            entities = torch.unique(log.entity_rows(side, rows)).long()
            for name in own:
                seen[name][features.gather_bag(name, entities).values.long()] = True
    for mask in seen.values():
        mask[UNKNOWN] = False
    return seen
