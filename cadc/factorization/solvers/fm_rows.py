"""Data of a factorisation machine: the values of each entity, and rows that refer to entities."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import EntitySide, Field


@dataclass(frozen=True)
class Rows:
    """Rows of a log.

    Parameters
    ----------
    entities : row of the entity table for each side, int32, shape [n] each.
    context : ids of each context field by name, int32, shape [n] each.
    dense : float32, shape [n, D].
    labels : float32, shape [n].
    """

    entities: dict[EntitySide, Tensor]
    context: dict[str, Tensor]
    dense: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def pieces(self, n: int) -> Iterator[tuple[slice, "Rows"]]:
        """Yield the rows in pieces of at most n, each with its place."""
        for first in range(0, len(self), n):
            here = slice(first, min(first + n, len(self)))
            entities = {side: rows[here] for side, rows in self.entities.items()}
            context = {name: ids[here] for name, ids in self.context.items()}
            yield here, Rows(entities, context, self.dense[here], self.labels[here])


def read_rows(log: InteractionLog, rows: Tensor, fields: list[Field]) -> Rows:
    """Return some rows (shape [n]) of a log, with the columns that the fields need."""
    sides: list[EntitySide] = [side for side in log.entities if any(field.side == side for field in fields)]
    dense = [log.gather(part).dense for part in rows.split(1 << 18)] if log.schema.dense else []
    return Rows(
        {side: log.entity_rows(side, rows) for side in sides},
        {field.name: log.field_ids(field.name, rows) for field in fields if field.side == "context"},
        torch.cat(dense) if dense else torch.zeros(len(rows), 0),
        log.labels(rows),
    )


def incidence(log: InteractionLog, side: EntitySide, field: Field) -> csr_array:
    """Return the share of each value of a field in each entity, float32, shape [vocabulary size, n entities].

    The share is 1 for the value of a single-valued field, and 1 / n for each of the n values of a bag.
    """
    features = log.entities[side]
    n_entities = len(features.ids)
    if field.bag:
        values, offsets = (part.numpy() for part in features.bags[field.name])
        lengths = np.diff(offsets)
        entities = np.repeat(np.arange(n_entities), lengths)
        shares = np.repeat(1 / np.maximum(lengths, 1), lengths)
    else:
        names = [other.name for other in log.schema.of(side, bag=False)]
        values = features.ids[:, names.index(field.name)].numpy()
        entities, shares = np.arange(n_entities), np.ones(n_entities)
    # The shares of a duplicated value of a bag are summed.
    return csr_array(
        (shares.astype(np.float32), (values, entities)), shape=(field.vocabulary_size, n_entities), dtype=np.float32
    )
