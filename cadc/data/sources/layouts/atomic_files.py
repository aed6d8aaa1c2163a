"""RecBole's atomic files: columns separated by tabs whose names tell their types."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cadc.data.column_block import Block
from cadc.data.columns import column_names, read_columns
from cadc.data.files.formats import Format
from cadc.data.raw import EntityTable
from cadc.data.schema import EntitySide, Field
from cadc.data.sources.entities_from_rows import EntitiesFromRows
from cadc.data.sources.table_roles import RESERVED
from cadc.errors import DataError, shown

TYPES = ("token", "token_seq", "float", "float_seq")
ATOMIC = Format("\t")
SEQUENCE_SEPARATOR = " "


class AtomicFile:
    """An atomic file, whose first line holds `name:type` for each column.

    Parameters
    ----------
    path : the file.

    Attributes
    ----------
    types : type of each column, one of `TYPES`, by name, in the order of the file.

    Raises
    ------
    DataError : if the file is missing, or its first line is not of that form.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        names = column_names(path, quoting="none", file_format=ATOMIC)
        self.types: dict[str, str] = {}
        for typed in names:
            name, _, kind = typed.rpartition(":")
            if kind not in TYPES or not name:
                raise DataError(
                    f"{path}: the first line has the column {shown(typed)}; expected NAME:TYPE separated by tabs, with "
                    f"one of the types {', '.join(TYPES)}."
                )
            if name in self.types:
                raise DataError(f"{path} has several columns named {name!r}; give every column a name of its own.")
            self.types[name] = kind

    def of_type(self, kind: str, but: Collection[str]) -> list[str]:
        """Return the names of the columns of a type that are not among some others."""
        return [name for name, own in self.types.items() if own == kind and name not in but]

    def require(self, name: str, kind: str, option: str) -> None:
        """Raise a DataError if a column that an option of `data` names is missing or of another type."""
        if name not in self.types:
            raise DataError(
                f"{self.path} has no column {name!r}; it has {', '.join(self.types)}. Set data.{option} to one of them."
            )
        if self.types[name] != kind:
            raise DataError(
                f"{self.path}: the column {name!r} of data.{option} has the type {self.types[name]}; expected {kind}."
            )

    def require_names(self, names: Sequence[str]) -> None:
        """Raise a DataError for the first name of a feature that no field of a log may have."""
        for name in names:
            hint = f"rename it, or leave it out with data.leave_out=[{name}]"
            if name in RESERVED:
                raise DataError(f"{self.path} has a column {name!r}, which is a name of the log itself; {hint}.")
            try:
                Field(name, "context")
            except DataError as error:
                raise DataError(f"{self.path}: {str(error).rstrip('.')}; {hint}.") from error

    def blocks(self, names: Sequence[str]) -> Iterator[Block]:
        """Yield some columns under their names without types, in blocks of rows."""
        typed = [f"{name}:{self.types[name]}" for name in names]
        for block in read_columns(self.path, typed, quoting="none", file_format=ATOMIC):
            yield Block(block.path, block.first_row, dict(zip(names, map(block.columns.get, typed), strict=True)))


class AtomicEntities:
    """Users, or items: those that a file of features lists, then those that only the rows have.

    Parameters
    ----------
    side : `user` or `item`.
    id_column : name of the column of ids.
    path : the file of features; None if there is none.
    left_out : names of columns that are not read.

    Attributes
    ----------
    fields, bags, dense : names of the columns of type token, token_seq and float.

    Raises
    ------
    DataError : if the file is not as expected.
    """

    def __init__(self, side: EntitySide, id_column: str, path: Path | None, left_out: Collection[str]) -> None:
        self.side, self._id_column = side, id_column
        self._file = AtomicFile(path) if path else None
        self.fields: list[str] = []
        self.bags: list[str] = []
        self.dense: list[str] = []
        if self._file:
            self._file.require(id_column, "token", side)
            but = {id_column, *left_out}
            self.fields, self.bags, self.dense = (
                self._file.of_type(kind, but) for kind in ("token", "token_seq", "float")
            )
            self._file.require_names([*self.fields, *self.bags, *self.dense])
        self._entities = EntitiesFromRows(side, self.fields, self.bags, path, SEQUENCE_SEPARATOR)
        self._numbers = np.empty((0, len(self.dense)))

    @property
    def sequences_of_numbers(self) -> list[str]:
        """Names of the columns of type float_seq, which are not read."""
        return self._file.of_type("float_seq", ()) if self._file else []

    def schema_fields(self) -> list[Field]:
        """Return the id, the fields and the bags."""
        own = [Field(name, self.side) for name in self.fields]
        return [Field(self.side, self.side), *own, *(Field(name, self.side, bag=True) for name in self.bags)]

    def read(self) -> None:
        """Read the file of features.

        Raises
        ------
        DataError : if an id is missing or duplicated, or a number is not one.
        """
        if self._file is None:
            return
        n_rows, numbers = 0, [self._numbers]
        for block in self._file.blocks([self._id_column, *self.fields, *self.bags, *self.dense]):
            ids = block.texts(self._id_column, required=True)
            features = {name: block.texts(name) for name in (*self.fields, *self.bags)}
            places = self._entities.positions(ids, features, block.first_row)
            # New ids are numbered in the order of the rows.
            block.refuse(
                self._id_column,
                pa.array(places != np.arange(n_rows, n_rows + len(places))),
                f"is duplicated; expected one row for each {self.side}",
            )
            n_rows += len(places)
            numbers.append(
                np.stack([block.numbers(name, np.float64) for name in self.dense], 1)
            ) if self.dense else None
        self._numbers = np.concatenate(numbers)

    def positions(self, block: Block) -> NDArray[np.int32]:
        """Return the number of each row's entity, int32, shape [B]."""
        ids = block.texts(self._id_column, required=True)
        nothing = pa.array([""] * len(ids), pa.string())
        names = (*self.fields, *self.bags)
        return self._entities.positions(ids, dict.fromkeys(names, nothing), block.first_row)

    def dense_of(self, block: Block, entities: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the numbers of each row's entity, float64, shape [B, D].

        Raises
        ------
        DataError : for an entity that the file of features does not list.
        """
        if self.dense:
            assert self._file is not None
            fault = (
                f"is not listed in {self._file.path.name}, so it has no {self.dense[0]}; leave the column out with "
                "data.leave_out, or complete the file"
            )
            block.refuse(self._id_column, pa.array(entities >= len(self._numbers)), fault)
        return self._numbers[entities] if self.dense else np.empty((len(entities), 0))

    def table(self) -> EntityTable:
        """Return the table of all entities so far."""
        return self._entities.table()
