"""The rows of a table, file after file."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cadc.data.column_block import Block
from cadc.data.columns import read_columns
from cadc.data.files.places import TableFiles
from cadc.data.files.row_bags import RowBags
from cadc.data.in_threads import in_threads
from cadc.data.labels.ratings import rated, unlabelled
from cadc.data.raw import Chunk, EntityTable
from cadc.data.schema import Side
from cadc.data.sources.entities_from_rows import EntitiesFromRows
from cadc.data.split.split import SPLITS
from cadc.data.times import TimeColumn
from cadc.errors import DataError

if TYPE_CHECKING:
    from cadc.data.sources.table import Table

PARTS = {"train": 0, "training": 0, "valid": 1, "validation": 1, "val": 1, "dev": 1, "test": 2, "0": 0, "1": 1, "2": 2}
"""Index in `SPLITS` of each value that a column of parts may hold, in upper or lower case."""
NO_PART = 255


class TableRows:
    """The chunks of a table; ids and values of all its files are one vocabulary.

    Parameters
    ----------
    table : names the columns.
    files : files of each part of the log, or those of all parts by an empty text.
    sides : users and items, which are collected while the chunks are iterated over; None leaves the ids of a side to
        the preparation of the log.

    Attributes
    ----------
    entities, remarks : of the log, complete after the last chunk; see `RawLog`.
    """

    def __init__(
        self, table: "Table", files: Mapping[str, TableFiles], sides: Mapping[Side, EntitiesFromRows | None]
    ) -> None:
        self.table, self.files, self.sides = table, files, sides
        self.entities: dict[Side, EntityTable] = {side: EntityTable(np.empty(0, object)) for side in sides}
        self.remarks: list[str] = []

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the rows of each file in blocks.

        Raises
        ------
        DataError : for what the table does not expect of its files, or a part without rows.
        """
        table = self.table
        times = TimeColumn(table.time) if table.time else None
        bags = (*table.user_bags, *table.item_bags)
        for part, files in self.files.items():
            n_rows = 0
            for path in files.files:
                for block in read_columns(path, table.columns(), table.header, table.quoting, bags):
                    n_rows += block.n_rows
                    yield self._chunk(block, times, part)
            if part and not n_rows:
                what = "folder" if files.path.is_dir() else "file"
                raise DataError(
                    f"{files.path}, the {what} of the {part} part, holds no rows; add rows, or leave it out."
                )
        for side, entity in self.sides.items():
            if entity is not None:
                self.entities[side] = entity.table()
                self.remarks += entity.remarks()

    def _chunk(self, block: Block, times: TimeColumn | None, part: str) -> Chunk:
        table = self.table
        time, ticks_per_second = times.read(block) if times else (None, 1)
        dense = in_threads(partial(block.numbers, dtype=np.float64), table.dense)
        in_column = parts_of(block, table.part) if table.part else None
        label, rating = self._labels(block)
        return Chunk(
            label=label,
            rating=rating,
            entities={side: self._positions(block, side, entity) for side, entity in self.sides.items() if entity},
            ids={side: self._ids(block, side) for side, entity in self.sides.items() if entity is None},
            context={table.field_name(name): block.texts(name) for name in table.context_fields},
            dense=np.stack(dense, 1) if dense else None,
            time=time,
            ticks_per_second=ticks_per_second,
            part=np.full(block.n_rows, SPLITS.index(part), np.uint8) if part else in_column,
        )

    def _positions(self, block: Block, side: Side, entity: EntitiesFromRows) -> NDArray[np.int32]:
        table = self.table
        if side == "user":
            fields, bags = table.user_fields, table.user_bags
        else:
            fields, bags = table.item_fields, table.item_bags
        features: dict[str, pa.Array | RowBags] = {table.field_name(name): block.texts(name) for name in fields}
        features |= {table.field_name(name): RowBags.read(block, name, table.bag_separator) for name in bags}
        return entity.positions(self._ids(block, side), features, block.first_row, block.path)

    def _ids(self, block: Block, side: Side) -> pa.Array:
        return block.texts(str(self.table.user if side == "user" else self.table.item), required=True)

    def _labels(self, block: Block) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return labels, and ratings if the table has any."""
        label, rating, threshold = self.table.label, self.table.rating, self.table.threshold
        if label:
            return block.labels(label), unlabelled(block, rating) if rating else None
        assert rating is not None and threshold is not None
        return rated(block, rating, threshold)


def parts_of(block: Block, name: str) -> NDArray[np.uint8]:
    """Return the index in `SPLITS` of each row, as a column names it, uint8, shape [B].

    Parameters
    ----------
    block : rows of a file.
    name : name of a column of `PARTS`; blanks around a value do not count.

    Raises
    ------
    DataError : for another value, or none.
    """
    encoded = block.texts(name, required=True).dictionary_encode()
    places = [PARTS.get(text.strip().lower(), NO_PART) for text in encoded.dictionary.to_pylist()]
    found = np.array(places, np.uint8)[encoded.indices.to_numpy()]
    block.refuse(name, pa.array(found == NO_PART), "is not a part; expected train, validation or test, or 0, 1 or 2")
    return np.asarray(found)
