"""The log of interactions: a row for each interaction, each entity's side features once, and batches cut from both."""

from collections.abc import Callable
from copy import copy
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.entity_features import EntityFeatures
from cadc.data.labels.relabelled import RelabelledFiles
from cadc.data.log_files import LogFiles
from cadc.data.schema import SIDES, EntitySide, Schema
from cadc.data.split.split import SPLITS
from cadc.data.transform.fitted import FittedTransform
from cadc.errors import DataError


class InteractionLog:
    """A prepared log of interactions, opened without reading its columns.

    Rows are numbered in the order of the splits: all training rows, then validation, then test. A row holds the row
    of its user and of its item in the *entity tables*, which hold the side features of each entity once; row 0 of an
    entity table is an entity that nothing is known of. `gather` joins rows with the features of their entities.

    Parameters
    ----------
    folder : folder of the prepared log, as `cadc.data.prepare` writes it.
    threshold : lowest rating of label 1; None takes the labels of the folder. See `relabelled`.

    Attributes
    ----------
    schema : the fields and dense columns.
    meta : content of `meta.json`: `name`, `edition`, `rows` and `positives` of each split, `content_hash`, ….

    Raises
    ------
    DataError : if the folder does not hold a prepared log. Methods raise it for a damaged file, which they name.

    Examples
    --------
    >>> from cadc.data.prepare import prepare
    >>> from cadc.data.sources.synthetic import Synthetic
    >>> from cadc.data.split import RandomSplit
    >>> log = prepare(Synthetic(n_rows=1000), RandomSplit())
    >>> log.n_rows("train"), log.n_rows("test")
    (800, 100)
    >>> log.gather(log.rows("train")[:4]).ids.shape
    torch.Size([4, 6])
    """

    def __init__(self, folder: Path, threshold: float | None = None) -> None:
        self._read(LogFiles(folder) if threshold is None else RelabelledFiles(folder, threshold))

    def _read(self, files: LogFiles) -> None:
        self.folder = files.folder
        self._files = files
        self.meta: dict[str, Any] = files.meta
        self.schema: Schema = files.schema
        bounds = np.cumsum([0, *(self.meta["rows"][split] for split in SPLITS)])
        self._views: Callable[[Tensor], Tensor] | None = None
        self._slices = {split: slice(int(a), int(b)) for split, (a, b) in zip(SPLITS, pairwise(bounds), strict=True)}

    @property
    def plain(self) -> "InteractionLog":
        """The log without ids for cold users and items, which `cadc.data.cold_ids` adds."""
        return self

    def relabelled(self, threshold: float) -> Self:
        """Return the log with labels that say whether ratings reach a threshold; a DataError if it has no ratings."""
        return type(self)(self.folder, threshold)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the schema and of all columns."""
        return str(self.meta["content_hash"])

    @property
    def rating_hash(self) -> str | None:
        """SHA-256 of the ratings, or None without any; `content_hash` leaves them out."""
        return self.meta.get("rating_hash")

    @property
    def ticks_per_second(self) -> int:
        """What the column `time` counts: 1 for whole seconds, 10^3, 10^6 or 10^9 if the log tells parts of a second."""
        return int(self.meta.get("ticks_per_second", 1))

    def with_views(self, views: Callable[[Tensor], Tensor]) -> "InteractionLog":
        """Return the log with numbers of views in the batches that `gather` returns.

        Parameters
        ----------
        views : returns the numbers of some rows (int32 or int64, shape [B]), float32, shape [B, K].
        """
        found = copy(self)
        found._views = views
        return found

    def n_rows(self, split: str) -> int:
        """Return the number of rows of `train`, `validation` or `test`."""
        return int(self.meta["rows"][split])

    def earlier_pairs(self, split: str | None = None) -> tuple[Tensor, Tensor]:
        """Return users and items of rows before the log begins, which only a segment of a stream has.

        Parameters
        ----------
        split : the part that the rows were in; None takes all.

        Returns
        -------
        users, items : rows of the entity tables, 0 for one that has no row there, int64, shape [n] each.
        """
        return torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64)

    def rows(self, split: str) -> Tensor:
        """Return the row numbers of `train`, `validation` or `test`, int32, or int64 beyond 2^31 rows, shape [n]."""
        part = self._slices[split]
        return torch.arange(part.start, part.stop, dtype=torch.int32 if part.stop < 2**31 else torch.int64)

    def column(self, name: str, split: str | None = None) -> NDArray[Any]:
        """Return a memory-mapped column of all rows, or of the rows of a split, shape [n].

        Parameters
        ----------
        name : `label` (float32), `rating` (float32, the raw number, if the log has any), `dense` (float32, shape
            [n, D], as `transform` made it), `time` (int64, see `ticks_per_second`), `oracle` (float32, true probability
            of label 1), `row` (place in the raw log), or `user` and `item` (int32, rows of the entity tables).
        split : `train`, `validation` or `test`; None takes all rows.

        Raises
        ------
        DataError : if the log lacks the column, or the column is damaged.
        """
        if not self.has_column(name):
            raise DataError(f"the log {self.meta['name']} has no column {name!r}.")
        values = self._files.array(name)
        values = values if split is None else values[self._slices[split]]
        if name in SIDES[:2]:
            self._files.require_within(name, values, self._files.n_entities(name) - 1)
        elif name == "label":
            self._files.require_within(name, values, 1)
        elif name == "rating":
            self._files.require_finite(name, values)
        return values

    def has_column(self, name: str) -> bool:
        """Tell whether the log has a column, see `column`."""
        return self._files.has(name)

    def vocabulary(self, field: str) -> NDArray[Any]:
        """Return the raw value of each id of a field from 1 on, shape [vocabulary size - 1]."""
        return self._files.raw_values(f"vocabulary_{field}", "value", self.schema[field].vocabulary_size - 1)

    def entity_keys(self, side: EntitySide) -> NDArray[Any]:
        """Return the raw id of each user or item, from row 1 of the entity table on.

        They are sorted by descending number of training rows; the cold ones, which have none, come last.
        """
        return self._files.raw_values(f"entities_{side}", "key", self._files.n_entities(side) - 1)

    @cached_property
    def entities(self) -> dict[EntitySide, EntityFeatures]:
        """Side features of users and items, as far as the log has them."""
        return self._files.entities

    @property
    def transform(self) -> FittedTransform:
        """What maps raw dense values to the values of the column `dense`, fitted to the training part."""
        return self._files.transform

    @cached_property
    def _columns(self) -> dict[str, Tensor]:
        names = ["label", *self.entities]
        names += [name for name in ("rating", "context_ids", "dense", "oracle") if self.has_column(name)]
        return {name: self._files.tensor(name) for name in names}

    def field_ids(self, field: str, rows: Tensor) -> Tensor:
        """Return the ids of one single-valued field for some rows (shape [B]), int32, shape [B]."""
        side = self.schema[field].side
        names = [other.name for other in self.schema.of(side, bag=False)]
        if side == "context":
            return self._columns["context_ids"][rows, names.index(field)]
        entities = self._columns[side].index_select(0, rows)
        try:
            return self.entities[side].ids[:, names.index(field)].contiguous().index_select(0, entities)
        except IndexError as error:
            raise self._files.damaged(self.folder / f"{side}.npy", f"a row leads outside a table, {error}") from error

    def entity_rows(self, side: EntitySide, rows: Tensor) -> Tensor:
        """Return the row of the user's or item's entity table for some rows (shape [B]), int32, shape [B]."""
        self._features_of(side)
        return self._columns[side].index_select(0, rows)

    def labels(self, rows: Tensor) -> Tensor:
        """Return the labels of some rows (shape [B]), float32, shape [B]."""
        return self._columns["label"].index_select(0, rows)

    def ratings(self, rows: Tensor) -> Tensor:
        """Return the raw ratings of some rows (shape [B]), float32, shape [B]; a DataError if the log has none."""
        self._files.require_ratings()
        return self._columns["rating"].index_select(0, rows)

    def times(self, rows: Tensor) -> Tensor:
        """Return the times of some rows (shape [B]) in ticks, int64, shape [B]; a DataError if the log has none."""
        return torch.from_numpy(self.column("time")[rows.numpy()])

    def gather(self, rows: Tensor, with_times: bool = False) -> Batch:
        """Return a batch of some rows, joined with the features of their users and items.

        Parameters
        ----------
        rows : row numbers, int32 or int64, shape [B].
        with_times : whether the batch holds the times of the rows.
        """
        columns = self._columns
        try:
            entities = {side: columns[side].index_select(0, rows) for side in self.entities}
            dense = columns["dense"].index_select(0, rows) if "dense" in columns else torch.empty(len(rows), 0)
            context = columns["context_ids"].index_select(0, rows) if "context_ids" in columns else None
            oracle = columns["oracle"].index_select(0, rows) if "oracle" in columns else None
            batch = self.join(entities, context, dense, self.labels(rows), oracle)
        except IndexError as error:
            raise self._files.damaged(self.folder, f"a row leads outside a table, {error}") from error
        batch.row = rows
        if self._views is not None:
            batch.views = self._views(rows)
        if with_times:
            batch.time = self.times(rows)
        return batch

    def n_entities(self, side: EntitySide) -> int:
        """Return the number of users or items, including row 0 of the entity table, the unknown entity."""
        return len(self._features_of(side).ids)

    def users(self, rows: Tensor) -> Batch:
        """Return a batch of users without items: rows of the user table (int64, shape [B]); all else in it is 0."""
        return self._alone("user", rows)

    def items(self, rows: Tensor) -> Batch:
        """Return a batch of items without users: rows of the item table (int64, shape [B]); all else in it is 0."""
        return self._alone("item", rows)

    def _alone(self, side: EntitySide, rows: Tensor) -> Batch:
        self._features_of(side)
        n_context = len(self.schema.of("context", bag=False))
        return self.join(
            {other: rows if other == side else torch.zeros_like(rows) for other in self.entities},
            torch.zeros(len(rows), n_context, dtype=torch.int32) if n_context else None,
            torch.zeros(len(rows), len(self.schema.dense)),
            torch.zeros(len(rows)),
        )

    def _features_of(self, side: EntitySide) -> EntityFeatures:
        if side not in self.entities:
            raise DataError(f"the log {self.meta['name']} has no {side} fields; ranking items for users needs them.")
        return self.entities[side]

    def join(
        self,
        entities: dict[EntitySide, Tensor],
        context: Tensor | None,
        dense: Tensor,
        label: Tensor,
        oracle: Tensor | None = None,
    ) -> Batch:
        """Return a batch made of rows of the entity tables and of the rows' own columns.

        Parameters
        ----------
        entities : rows of the user and the item table, int32 or int64, shape [B] each.
        context : ids of the context fields, int32, shape [B, C]; None for a log without them.
        dense : dense columns, float32, shape [B, D].
        label : float32, shape [B].
        oracle : true probability of label 1, float32, shape [B], if it is known.
        """
        ids = [self.entities[side].ids.index_select(0, rows) for side, rows in entities.items()]
        if context is not None:
            ids.append(context)
        bags = {
            field.name: self.entities[side].gather_bag(field.name, rows.long())
            for side, rows in entities.items()
            for field in self.schema.of(side, bag=True)
        }
        return Batch(torch.cat(ids, 1), bags, dense, label, oracle)
