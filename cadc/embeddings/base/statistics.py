"""Frequencies of values in the training rows, for schemes that treat frequent and rare values differently."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cadc.data.log import InteractionLog


@dataclass(frozen=True)
class Statistics:
    """Frequencies of the values of fields in all training rows, whichever of them the network sees.

    Parameters
    ----------
    counts : rows in which each value occurs, int64, shape [vocabulary size], by field.
    log : the log, for schemes that describe a value by the rows in which it occurs; None where there is none.
    """

    counts: Mapping[str, Tensor]
    log: InteractionLog | None = None

    @classmethod
    def of(cls, log: InteractionLog) -> "Statistics":
        """Count the values of all fields in the training part of a log."""
        counts = {}
        rows = log.rows("train")
        for field in log.schema.single:
            ids = log.field_ids(field.name, rows).long()
            counts[field.name] = torch.bincount(ids, minlength=field.vocabulary_size)
        for side, features in log.entities.items():
            own = [field for field in log.schema.bags if field.side == side]
            if own:
                of_entities = torch.bincount(log.entity_rows(side, rows).long(), minlength=log.n_entities(side))
                for field in own:
                    values, offsets = features.bags[field.name]
                    times = torch.repeat_interleave(of_entities, offsets.diff())
                    found = torch.zeros(field.vocabulary_size, dtype=torch.int64)
                    counts[field.name] = found.index_add(0, values.long(), times)
        return cls(counts, log)


NOTHING_KNOWN = Statistics({})
"""No frequencies: all values count equally."""
