"""A view of a log in which users and items that never occur in training have ids of their own."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from cadc.data.entity_features import EntityFeatures
from cadc.data.log import InteractionLog
from cadc.data.schema import EntitySide, Field, Schema


class LogWithCold(InteractionLog):
    """The log of a folder, in which the ids of the fields `user` and `item` are the rows of the entity tables.

    Those are numbered by descending training frequency with the cold ones last, so that the ids of all others are as
    they were. Rows, splits and every other field are the same; a table of the field has rows for the cold ones too.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._plain = InteractionLog(folder)
        self.schema = Schema(tuple(self._sized(field) for field in self.plain.schema.fields), self.plain.schema.dense)

    @property
    def plain(self) -> InteractionLog:
        """The log itself, where cold users and items are *unknown*."""
        return self._plain

    def _sized(self, field: Field) -> Field:
        side = own_side(field.name)
        return field if side is None else replace(field, vocabulary_size=self.plain.n_entities(side))

    @cached_property
    def entities(self) -> dict[EntitySide, EntityFeatures]:
        """Side features of users and items."""
        found = {}
        for side, features in self.plain.entities.items():
            names = [field.name for field in self.schema.of(side, bag=False)]
            ids = features.ids.clone()
            if side in names:
                ids[:, names.index(side)] = torch.arange(len(ids), dtype=ids.dtype)
            found[side] = EntityFeatures(ids, features.bags)
        return found

    def vocabulary(self, field: str) -> NDArray[Any]:
        """Return the raw value of each id from 1 on."""
        side = own_side(field)
        return super().vocabulary(field) if side is None else self.entity_keys(side)


def own_side(field: str) -> EntitySide | None:
    """Return the side whose entities the values of a field are, if it is `user` or `item`."""
    return "user" if field == "user" else "item" if field == "item" else None
