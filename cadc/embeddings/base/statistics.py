"""Frequencies of values in rows, for what treats frequent and rare values differently."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.seen_ids import entity_counts, field_counts


@dataclass(frozen=True)
class Statistics:
    """Frequencies of the values of fields: for schemes, in all training rows, whichever of them the network sees.

    Parameters
    ----------
    counts : rows in which each value occurs, int64, shape [vocabulary size], by field.
    log : the log, for schemes that describe a value by the rows in which it occurs; None where there is none.
    """

    counts: Mapping[str, Tensor]
    log: InteractionLog | None = None

    @classmethod
    def of(cls, log: InteractionLog, rows: Tensor | None = None) -> "Statistics":
        """Count the values of all fields in some rows of a log (shape [n]); in its training part by default."""
        counts = {}
        rows = log.rows("train") if rows is None else rows
        for field in log.schema.single:
            counts[field.name] = field_counts(log, field.name, rows)
        for side, features in log.entities.items():
            own = [field for field in log.schema.bags if field.side == side]
            if own:
                of_entities = entity_counts(log, side, rows)
                for field in own:
                    values, offsets = features.bags[field.name]
                    times = torch.repeat_interleave(of_entities, offsets.diff())
                    found = torch.zeros(field.vocabulary_size, dtype=torch.int64)
                    counts[field.name] = found.index_add(0, values.long(), times)
        return cls(counts, log)

    def shares(self, n_rows: int) -> dict[str, Tensor]:
        """Return the counts as shares of a number of rows, float64, shape [vocabulary size], by field."""
        return {name: count.double() / n_rows for name, count in self.counts.items()}


NOTHING_KNOWN = Statistics({})
"""No frequencies: all values count equally."""
