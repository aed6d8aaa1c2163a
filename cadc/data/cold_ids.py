"""A view of a log in which cold users and items, which have no training rows, have ids of their own."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from cadc.data.entity_features import EntityFeatures
from cadc.data.log import InteractionLog
from cadc.data.schema import EntitySide, Field, Schema


class LogWithColdIds(InteractionLog):
    """A log whose ids of the fields `user` and `item` are the rows of the entity tables.

    Entity tables are sorted by descending number of training rows and end with the cold entities. So the ids of all
    other users and items stay as they are, and an embedding table of the field has rows for the cold ones too. Rows,
    splits and all other fields are the same.

    Parameters
    ----------
    folder, threshold : see `InteractionLog`.
    """

    def __init__(self, folder: Path, threshold: float | None = None) -> None:
        super().__init__(folder, threshold)
        self._plain = InteractionLog(folder, threshold)
        self.schema = Schema(tuple(self._sized(field) for field in self.plain.schema.fields), self.plain.schema.dense)

    @property
    def plain(self) -> InteractionLog:
        """The log in which cold users and items are *unknown*."""
        return self._plain

    def _sized(self, field: Field) -> Field:
        side = entity_side_of(field.name)
        return field if side is None else replace(field, vocabulary_size=self.plain.n_entities(side))

    @cached_property
    def entities(self) -> dict[EntitySide, EntityFeatures]:
        """Side features of users and items, as far as the log has them."""
        found = {}
        for side, features in self.plain.entities.items():
            names = [field.name for field in self.schema.of(side, bag=False)]
            ids = features.ids.clone()
            if side in names:
                ids[:, names.index(side)] = torch.arange(len(ids), dtype=ids.dtype)
            found[side] = EntityFeatures(ids, features.bags)
        return found

    def vocabulary(self, field: str) -> NDArray[Any]:
        """Return the raw value of each id of a field from 1 on, shape [vocabulary size - 1]."""
        side = entity_side_of(field)
        return super().vocabulary(field) if side is None else self.entity_keys(side)


def entity_side_of(field: str) -> EntitySide | None:
    """Return `user` or `item` if the values of a field are the entities of that side, None for other fields.

    >>> entity_side_of("item"), entity_side_of("genre")
    ('item', None)
    """
    return "user" if field == "user" else "item" if field == "item" else None
