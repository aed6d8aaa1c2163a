"""New rows in raw values, read as training reads its file: as ids of users, items and context, and dense numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.batches import EVALUATION_BATCH, whole_tiles
from cadc.data.column_block import Block
from cadc.data.known_values import KnownValues
from cadc.data.log import InteractionLog
from cadc.data.schema import UNKNOWN, EntitySide
from cadc.data.times import TimeColumn, whole_ticks
from cadc.errors import DataError, shown
from cadc.serving.unknown_values import UnknownValues
from cadc.terminal.progress import say


class NewRows:
    """Makes batches of blocks of new rows, and counts what a log does not know in them.

    Side features of users and items are those of the log.

    Parameters
    ----------
    log : gives vocabularies and the side features.
    found : names of the columns that the rows have.
    own_names : name that the log's own file gives to users, items and times, see `Source.own_names`. Either it or the
        name `user`, `item` or `time` is read; where both are there, that of the file.
    name : of the rows, for messages.
    reads_times : whether the model reads times.

    Raises
    ------
    DataError : for a column that is needed and not there.
    """

    def __init__(
        self,
        log: InteractionLog,
        found: Sequence[str],
        own_names: Mapping[str, str],
        name: str,
        reads_times: bool = False,
    ) -> None:
        self.log, self.name = log, name
        self.context = [field.name for field in log.schema.of("context", bag=False)]
        needed = [*log.entities, *self.context, *log.schema.dense, *(["time"] if reads_times else [])]
        choices = {column: [own_names.get(column, column), column] for column in needed}
        self.columns = {
            column: next((choice for choice in names if choice in found), "") for column, names in choices.items()
        }
        self._require(choices, found)
        self._say_which(choices, found)
        self._times = TimeColumn(self.columns["time"]) if reads_times else None
        known: dict[str, NDArray[Any]] = {side: log.entity_keys(side) for side in log.entities}
        known |= {field: log.vocabulary(field) for field in self.context}
        self._known = {column: KnownValues(values) for column, values in known.items()}
        self.unknown = {
            column: UnknownValues(column, values[0] if len(values) else None) for column, values in known.items()
        }

    def _require(self, choices: Mapping[str, list[str]], found: Sequence[str]) -> None:
        if missing := [column for column, read in self.columns.items() if not read]:
            said = {column: " or ".join(dict.fromkeys(names)) for column, names in choices.items()}
            raise DataError(
                f"{self.name} lacks the columns {', '.join(said[column] for column in missing)}; needed are "
                f"{', '.join(said.values())}; found are {', '.join(shown(column, 42) for column in found[:20])}."
            )

        read_as: dict[str, str] = {}
        for column, read in self.columns.items():
            if read in read_as:
                raise DataError(
                    f"{self.name}: the column {shown(read)} could be {read_as[read]} or {column}; name users and items "
                    f"as the log's own file does: {', '.join(names[0] for names in choices.values())}."
                )
            read_as[read] = column

    def _say_which(self, choices: Mapping[str, list[str]], found: Sequence[str]) -> None:
        """Say which column is read where both names of one are there."""
        for column, names in choices.items():
            if set(names) <= {*found} and column not in self.columns.values():
                said = f"{self.name}: the column {shown(names[0])} is read as {column}, as in the log's own file, and "
                say(f"{said}{column!r} is not")

    def batches(self, block: Block) -> Iterator[tuple[Batch, int]]:
        """Yield the rows of a block in batches, each with the number of its rows that count.

        A batch is filled up to whole tiles, see `whole_tiles`.

        Raises
        ------
        DataError : for a row without user or item, a value that cannot be a category, a dense value that is not a
            finite number, or what is not a time.
        """
        entities: dict[EntitySide, Tensor] = {side: self._entities(block, side) for side in self.log.entities}
        context = None
        if self.context:
            context = torch.from_numpy(np.stack([self._ids(block, field) for field in self.context], 1))
        dense = torch.empty(block.n_rows, 0)
        if self.log.schema.dense:
            columns = [block.numbers(self.columns[name], np.float64) for name in self.log.schema.dense]
            dense = torch.from_numpy(self.log.transform.apply(np.stack(columns, 1)))
        times = self._read_times(block)
        label = torch.zeros(block.n_rows)
        for part in torch.arange(block.n_rows).split(EVALUATION_BATCH):
            rows = whole_tiles(part)
            own = {side: ids[rows] for side, ids in entities.items()}
            batch = self.log.join(own, None if context is None else context[rows], dense[rows], label[rows])
            batch.time = None if times is None else times[rows]
            yield batch, len(part)

    def _read_times(self, block: Block) -> Tensor | None:
        """Return the times of a block in ticks of the log, int64, shape [B]; None where the model reads none."""
        if self._times is None:
            return None
        times, ticks = self._times.read(block)
        own = self.log.ticks_per_second
        try:
            times = whole_ticks(times, ticks, own)
        except OverflowError as error:
            raise DataError(
                f"{block.path}: a time of column {self._times.name} is too far from the log's for 64 bits in steps of "
                f"1/{own:,} second; expected times near those of the log."
            ) from error
        return torch.from_numpy(times)

    def _entities(self, block: Block, side: EntitySide) -> Tensor:
        """Return the row of the entity table of each row's user or item, int32, shape [B]."""
        texts = block.texts(self.columns[side], required=True)
        rows = torch.from_numpy(self._known[side].ids(texts))
        fields = [field.name for field in self.log.schema.of(side, bag=False)]
        # One that only validation or test rows hold has a row of the table, but no id.
        ids = self.log.entities[side].ids[:, fields.index(side)] if side in fields else torch.arange(len(rows))
        self.unknown[side].add(texts, (ids[rows.long()] == UNKNOWN).numpy())
        return rows

    def _ids(self, block: Block, field: str) -> NDArray[np.int32]:
        """Return the id of each row's value of a context field, int32, shape [B]."""
        texts: pa.Array = block.texts(self.columns[field])
        ids = self._known[field].ids(texts)
        self.unknown[field].add(texts, ids == UNKNOWN)
        return ids

    def say_unknown(self) -> None:
        """Say on standard error what the log does not know in the rows so far."""
        columns = self.unknown.values()
        for column in columns:
            for sentence in column.sentences():
                say(f"{self.name}: {sentence}")
        if columns and all(column.all_unknown for column in columns):
            say(f"{self.name}: NOTHING in it is known to this run; are these its ids?")
