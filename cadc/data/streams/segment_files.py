"""The columns of one segment of a stream, in memory: what a model may know at its time, and no more."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cadc.data.log_files import ROW_COLUMNS, LogFiles
from cadc.data.schema import ENTITY_FIELDS, EntitySide, Field, Schema
from cadc.data.split.split import SPLITS

LEFT_OUT = ("dense", "context_ids")
"""Columns that segments do not have: their vocabularies and ranges are those of all segments together."""


class SegmentFiles(LogFiles):
    """Columns of some rows of a prepared log, with ids of users and items as a stream gives them.

    Of users and items only their ids are there, without side features. The entity table holds first those that have
    met the model in a training row, by arrival, whose ids never change, and then those of held-out rows that have not,
    which are *unknown*.

    Parameters
    ----------
    log : files of the prepared log.
    parts : rows of the prepared log that train, validate and test, int64, shape [n] each.
    arrived : of each side, rows of the entity table of the log (int64), by arrival.
    earlier : rows of the prepared log before the segment, in the parts that they were in, int64, shape [n] each.
    """

    def __init__(
        self,
        log: LogFiles,
        parts: Sequence[NDArray[np.int64]],
        arrived: Mapping[EntitySide, NDArray[np.int64]],
        earlier: Sequence[NDArray[np.int64]],
    ) -> None:
        self.folder, self.log = log.folder, log
        self._rows, self._earlier = np.concatenate(parts), earlier
        self._entities_of = {side: self._present(side, known) for side, known in arrived.items()}
        self._known = {side: len(known) for side, known in arrived.items()}
        fields = tuple(Field(side, side, len(known) + 1) for side, known in arrived.items())
        self.schema = Schema(fields)
        rows = dict(zip(SPLITS, map(len, parts), strict=True))
        labels = [log.array("label")[part] for part in parts]
        positives = {split: int(own.sum()) for split, own in zip(SPLITS, labels, strict=True)}
        content = hashlib.sha256(f"{log.meta['content_hash']} {rows}".encode())
        for values in (self._rows, *self._entities_of.values(), np.array(list(self._known.values()))):
            content.update(np.ascontiguousarray(values, np.int64).data)
        own = {"schema": self.schema.to_json(), "rows": rows, "positives": positives}
        self.meta: dict[str, Any] = {**log.meta, **own, "content_hash": content.hexdigest()}

    def _present(self, side: EntitySide, known: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the entities of a side: those that have arrived, then others of the rows, int64, shape [n]."""
        others = np.setdiff1d(self.log.array(side)[self._rows], known)
        return np.concatenate([known, others])

    def has(self, name: str) -> bool:
        """Tell whether the segment has a column."""
        return name not in LEFT_OUT and self.log.has(name)

    def array(self, name: str, mode: Literal["r", "c"] = "r") -> NDArray[Any]:
        """Return a column, see `LogFiles.array`."""
        return self._columns[name]

    @cached_property
    def _columns(self) -> dict[str, NDArray[Any]]:
        found = {name: self.log.array(name)[self._rows] for name in ROW_COLUMNS if self.has(name)}
        for side, entities in self._entities_of.items():
            found[side] = self._places(side)[found[side]]
            ids = np.arange(len(entities) + 1, dtype=np.int32)
            ids[self._known[side] + 1 :] = 0
            found[f"{side}_ids"] = ids[:, None]
        return found

    def _places(self, side: EntitySide) -> NDArray[np.int32]:
        """Return the row of each entity of the log in the table of this segment, 0 for none, int32, shape [n]."""
        entities = self._entities_of[side]
        place = np.zeros(self.log.n_entities(side), np.int32)
        place[entities] = np.arange(1, len(entities) + 1)
        return place

    def earlier_entities(self, side: EntitySide, split: str | None) -> NDArray[np.int64]:
        """Return users or items of rows before the segment, see `InteractionLog.earlier_pairs`."""
        rows = np.concatenate(self._earlier) if split is None else self._earlier[SPLITS.index(split)]
        return self._places(side)[self.log.array(side)[rows]].astype(np.int64)

    def raw_values(self, name: str, column: str, length: int) -> NDArray[Any]:
        """Return a table of raw values, see `LogFiles.raw_values`."""
        side = next(side for side in ENTITY_FIELDS if name.endswith(side))
        keys = self.log.raw_values(f"entities_{side}", "key", self.log.n_entities(side) - 1)
        return keys[self._entities_of[side][:length] - 1]
