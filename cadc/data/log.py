"""The log of interactions: memory-mapped columns, each entity's side features once, and batches cut from them."""

import json
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.entity_features import EntityFeatures
from cadc.data.schema import SIDES, EntitySide, Schema, Side, entity_sides
from cadc.data.split.split import SPLITS
from cadc.errors import DataError

REAL_COLUMNS = ("label", "dense", "oracle")
ROW_COLUMNS = (*REAL_COLUMNS, "row", "time", "user", "item", "context_ids")
WIDE_COLUMNS = ("dense", "context_ids", "user_ids", "item_ids")
"""Columns by type, length and shape; the other ones hold whole numbers, are as long as they are, and flat."""


class InteractionLog:
    """A prepared log, opened from its folder without reading the columns.

    Rows lie in the order of the splits: training rows first, then validation, then test.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.meta: dict[str, Any] = json.loads((folder / "meta.json").read_text())
            self.schema = Schema.from_json(self.meta["schema"])
            counts = [self.meta["rows"][split] for split in SPLITS]
            sizes = [field.vocabulary_size for field in self.schema.fields]
            if not all(isinstance(count, int) and 0 < count < 2**62 for count in [*counts, *sizes]):
                raise ValueError("a number of rows or values is none")
            missing = [key for key in ("name", "edition", "files", "content_hash", "prepare_s") if key not in self.meta]
            if missing or set(self.meta["positives"]) != set(SPLITS):
                raise ValueError(f"it lacks {', '.join(missing) or 'positives'}")
            bounds = np.cumsum([0, *counts])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, DataError) as error:
            raise DataError(f"{folder} holds no prepared log ({error}); delete it and it is made again.") from error
        self._slices = {split: slice(int(a), int(b)) for split, (a, b) in zip(SPLITS, pairwise(bounds), strict=True)}

    @property
    def plain(self) -> "InteractionLog":
        """The log itself, of which `LogWithCold` is a view."""
        return self

    @property
    def content_hash(self) -> str:
        """SHA-256 of the schema and of all columns."""
        return str(self.meta["content_hash"])

    def n_rows(self, split: str) -> int:
        """Return the number of rows of `train`, `validation` or `test`."""
        return int(self.meta["rows"][split])

    def rows(self, split: str) -> Tensor:
        """Return the row numbers of a split, int64."""
        part = self._slices[split]
        return torch.arange(part.start, part.stop)

    def column(self, name: str, split: str | None = None) -> NDArray[Any]:
        """Return a memory-mapped column: `label`, `time`, `oracle`, `row` (place in the raw log), `user`, ….

        `user` and `item` hold rows of the entity tables; `entity_ids` leads from those to field ids.
        """
        path = self.folder / f"{name}.npy"
        if not path.exists():
            raise DataError(f"the log {self.meta['name']} has no column {name!r}.")
        values = self._load(name, "r")
        values = values if split is None else values[self._slices[split]]
        if name in SIDES[:2]:
            self._require_within(name, values, len(self._load(f"{name}_ids", "r")) - 1)
        elif name == "label":
            self._require_within(name, values, 1)
        return values

    def _require_within(self, name: str, values: NDArray[Any], most: int) -> None:
        if len(values) and not 0 <= values.min() <= values.max() <= most:
            raise self._damaged(self.folder / f"{name}.npy", f"a value is not between 0 and {most}")

    def has_column(self, name: str) -> bool:
        """Tell whether the log holds this optional column."""
        return (self.folder / f"{name}.npy").exists()

    def vocabulary(self, field: str) -> NDArray[Any]:
        """Return the raw value of each id from 1 on."""
        return self._values(f"vocabulary_{field}", "value", self.schema[field].vocabulary_size - 1)

    def entity_keys(self, side: EntitySide) -> NDArray[Any]:
        """Return the raw id of each entity row from 1 on, cold ones (without training rows) last."""
        return self._values(f"entities_{side}", "key", len(self._load(f"{side}_ids", "r")) - 1)

    @cached_property
    def entities(self) -> dict[EntitySide, EntityFeatures]:
        """Side features of users and items, where the log has them."""
        found: dict[EntitySide, EntityFeatures] = {}
        for side in entity_sides(self.schema):
            bags = {
                field.name: (
                    self._tensor(f"{side}_bag_{field.name}"),
                    self._tensor(f"{side}_bag_{field.name}_offsets"),
                )
                for field in self.schema.of(side, bag=True)
            }
            found[side] = EntityFeatures(self._tensor(f"{side}_ids"), bags)
            self._require_sound(side, found[side])
        return found

    def _require_sound(self, side: Side, features: EntityFeatures) -> None:
        """Raise a DataError for ids that are in no vocabulary, and bags that lie outside their values."""
        fields = self.schema.of(side, bag=False)
        if features.ids.shape[1] != len(fields):
            raise self._damaged(self.folder / f"{side}_ids.npy", f"{features.ids.shape[1]} columns")
        columns = [(f"{side}_ids", field, ids) for field, ids in zip(fields, features.ids.unbind(1), strict=True)]
        for field in self.schema.of(side, bag=True):
            values, offsets = features.bags[field.name]
            name = f"{side}_bag_{field.name}"
            columns.append((name, field, values))
            steps = offsets.diff()
            if (
                len(offsets) != len(features.ids) + 1
                or offsets[0] != 0
                or offsets[-1] != len(values)
                or (steps < 0).any()
            ):
                raise self._damaged(self.folder / f"{name}_offsets.npy", "its bags do not follow each other")
        for name, field, ids in columns:
            if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < field.vocabulary_size:
                raise self._damaged(self.folder / f"{name}.npy", f"an id of {field.name} is in no vocabulary")

    @cached_property
    def _columns(self) -> dict[str, Tensor]:
        names = ["label", *self.entities]
        names += [name for name in ("context_ids", "dense", "oracle") if self.has_column(name)]
        return {name: self._tensor(name) for name in names}

    def _tensor(self, name: str) -> Tensor:
        # Copy-on-write, since torch warns of read-only memory; pages are still read only when touched.
        return torch.from_numpy(self._load(name, "c"))

    def _load(self, name: str, mode: Literal["r", "c"]) -> NDArray[Any]:
        """Map a column, of the type and length that it was written with; nothing that could run code is read."""
        path = self.folder / f"{name}.npy"
        try:
            values: NDArray[Any] = np.load(path, mmap_mode=mode, allow_pickle=False)
        except Exception as error:  # NumPy has many words for a broken header
            raise self._damaged(path, str(error)) from error
        if values.dtype.kind not in ("f" if name in REAL_COLUMNS else "iu"):
            raise self._damaged(path, f"its numbers are of type {values.dtype}")
        if name in ROW_COLUMNS and len(values) != (n_rows := sum(self.meta["rows"].values())):
            raise self._damaged(path, f"{len(values)} rows where {n_rows} are expected")
        if values.ndim != (2 if name in WIDE_COLUMNS else 1):
            raise self._damaged(path, f"its shape is {values.shape}")
        return values

    def _values(self, name: str, column: str, length: int) -> NDArray[Any]:
        """Read a table of raw values, one for each id from 1 on."""
        path = self.folder / f"{name}.parquet"
        try:
            values = pd.read_parquet(path)[column].to_numpy()
        except Exception as error:  # Arrow has many words for a broken file
            raise self._damaged(path, str(error)) from error
        if len(values) != length:
            raise self._damaged(path, f"{len(values)} values where {length} are expected")
        return values

    def _damaged(self, path: Path, reason: str) -> DataError:
        said = (reason.splitlines() or ["no reason given"])[0].rpartition("': ")[2].rstrip(".")
        # NumPy's own advice for what looks like one is to trust it.
        said = "it is no array of numbers" if "pickle" in said else said
        return DataError(f"{path} is damaged ({said}); delete {self.folder} and it is made again.")

    def field_ids(self, field: str, rows: Tensor) -> Tensor:
        """Return the ids of one single-valued field for these rows, int32."""
        side = self.schema[field].side
        names = [other.name for other in self.schema.of(side, bag=False)]
        if side == "context":
            return self._columns["context_ids"][rows, names.index(field)]
        entities = self._columns[side].index_select(0, rows)
        try:
            return self.entities[side].ids[:, names.index(field)].contiguous().index_select(0, entities)
        except IndexError as error:
            raise self._damaged(self.folder / f"{side}.npy", f"a row names what is not there, {error}") from error

    def entity_rows(self, side: EntitySide, rows: Tensor) -> Tensor:
        """Return the row of the entity table of users, or items, for each of these rows, int32."""
        self._side(side)
        return self._columns[side].index_select(0, rows)

    def labels(self, rows: Tensor) -> Tensor:
        """Return the labels of these rows, float32."""
        return self._columns["label"].index_select(0, rows)

    def gather(self, rows: Tensor) -> Batch:
        """Join rows with the features of their user and item.

        Parameters
        ----------
        rows : row numbers, int64, shape [B].
        """
        columns = self._columns
        try:
            return self._gather(columns, rows)
        except IndexError as error:
            raise self._damaged(self.folder, f"a row names what is not there, {error}") from error

    def _gather(self, columns: dict[str, Tensor], rows: Tensor) -> Batch:
        entities = {side: columns[side].index_select(0, rows) for side in self.entities}
        dense = columns["dense"].index_select(0, rows) if "dense" in columns else torch.empty(len(rows), 0)
        context = columns["context_ids"].index_select(0, rows) if "context_ids" in columns else None
        oracle = columns["oracle"].index_select(0, rows) if "oracle" in columns else None
        return self.join(entities, context, dense, self.labels(rows), oracle)

    def n_entities(self, side: EntitySide) -> int:
        """Return the number of users or items, row 0 (nothing is known) included."""
        return len(self._side(side).ids)

    def users(self, rows: Tensor) -> Batch:
        """Return a batch of users alone (entity rows, int64, shape [B]): item and context ids are 0, labels too."""
        return self._alone("user", rows)

    def items(self, rows: Tensor) -> Batch:
        """Return a batch of items alone (entity rows, int64, shape [B]): user and context ids are 0, labels too."""
        return self._alone("item", rows)

    def _alone(self, side: EntitySide, rows: Tensor) -> Batch:
        self._side(side)
        n_context = len(self.schema.of("context", bag=False))
        return self.join(
            {other: rows if other == side else torch.zeros_like(rows) for other in self.entities},
            torch.zeros(len(rows), n_context, dtype=torch.int32) if n_context else None,
            torch.zeros(len(rows), len(self.schema.dense)),
            torch.zeros(len(rows)),
        )

    def _side(self, side: EntitySide) -> EntityFeatures:
        if side not in self.entities:
            raise DataError(f"the log {self.meta['name']} has no {side} fields, which ranking items for users needs.")
        return self.entities[side]

    def join(
        self,
        entities: dict[EntitySide, Tensor],
        context: Tensor | None,
        dense: Tensor,
        label: Tensor,
        oracle: Tensor | None = None,
    ) -> Batch:
        """Make a batch of entity rows (int32, shape [B] each), context ids [B, C] and dense features [B, D]."""
        ids = [self.entities[side].ids.index_select(0, rows) for side, rows in entities.items()]
        if context is not None:
            ids.append(context)
        bags = {
            field.name: self.entities[side].gather_bag(field.name, rows.long())
            for side, rows in entities.items()
            for field in self.schema.of(side, bag=True)
        }
        return Batch(torch.cat(ids, 1), bags, dense, label, oracle)
