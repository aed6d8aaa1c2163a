"""Writer of a prepared log: columns in the order of the splits, vocabularies of training rows, and a content hash."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cadc.data.disk_columns import DiskColumns
from cadc.data.raw import EntityTable, RawLog
from cadc.data.schema import UNKNOWN, Field, Schema, Side
from cadc.data.transform.fitted import TRANSFORM, FittedTransform
from cadc.data.vocabulary import encode, encode_distinct, in_order, listed, rank_by_frequency, taken

BLOCK_ROWS = 1 << 20
"""Rows of a column that are in memory at once."""
DENSE_ROWS = 1 << 16
"""Rows of raw dense values that are in memory at once."""
CONTEXT_ROWS = 1 << 13
"""Rows whose context ids are written at once."""


class LogWriter:
    """Writes the files of a prepared log, and hashes what it writes.

    Parameters
    ----------
    folder : folder of the prepared log.
    raw : the raw log; its schema has no vocabulary sizes yet.
    order : numbers of the raw rows in the order of the splits, shape [n_rows].
    n_train : number of training rows; only these count for the vocabularies.

    Attributes
    ----------
    content : SHA-256 of everything written so far.
    sizes : vocabulary size of each field written so far.
    """

    def __init__(self, folder: Path, raw: RawLog, order: NDArray[np.integer[Any]], n_train: int) -> None:
        self.folder = folder
        self.schema = raw.schema
        self.min_count = raw.min_count
        self.order = order
        self.n_train = n_train
        self.content = hashlib.sha256()
        self.sizes: dict[str, int] = {}

    def array(self, name: str, values: NDArray[Any]) -> None:
        """Write an array as it is."""
        values = np.ascontiguousarray(values)
        self.content.update(f"{name} {values.dtype} {values.shape}".encode())
        self.content.update(values.data)
        np.save(self.folder / f"{name}.npy", values)

    def column(
        self,
        name: str,
        dtype: np.dtype[Any] | type,
        row_shape: tuple[int, ...],
        of_raw_rows: Callable[[NDArray[Any]], NDArray[Any]],
        hashed: Callable[[Any], None] | None = None,
    ) -> None:
        """Write a column in the order of the splits, block by block, so that it never is in memory as a whole.

        Parameters
        ----------
        name : name of the column.
        dtype, row_shape : type and shape of a row.
        of_raw_rows : returns the values of some raw rows (shape [B]), shape [B, *row_shape].
        hashed : takes the bytes that are written; None hashes them as content.
        """
        hashed = hashed or self.content.update
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (len(self.order), *row_shape)}
        hashed(f"{name} {header}".encode())
        with (self.folder / f"{name}.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for raw_rows in self._blocks(self.order):
                block = np.ascontiguousarray(of_raw_rows(raw_rows), dtype)
                hashed(block.data)
                file.write(block.data)

    def rating(self, raw: NDArray[np.float32]) -> str:
        """Write the ratings of all raw rows (shape [n_rows]), and return a SHA-256 of them.

        They have a hash of their own, so that the ids of runs that do not read them are those of runs on the same log
        without ratings.
        """
        content = hashlib.sha256()
        self.column("rating", np.float32, (), raw.__getitem__, content.update)
        return content.hexdigest()

    def dense(self, transform: FittedTransform, raw: NDArray[Any]) -> None:
        """Write the dense columns as inputs of a model, and the curves that make them.

        Parameters
        ----------
        transform : maps raw values to inputs.
        raw : raw values, shape [n_rows, D].
        """

        def inputs_of(raw_rows: NDArray[Any]) -> NDArray[np.float32]:
            inputs = np.empty((len(raw_rows), *raw.shape[1:]), np.float32)
            # In smaller blocks, since raw values and steps between take several times the bytes of the inputs.
            for first in range(0, len(raw_rows), DENSE_ROWS):
                block = slice(first, first + DENSE_ROWS)
                inputs[block] = transform.apply(raw[raw_rows[block]])
            return inputs

        self.column("dense", np.float32, raw.shape[1:], inputs_of)
        text = transform.to_text()
        (self.folder / TRANSFORM).write_text(text)
        # Columns as they stand are all the content there is.
        if not transform.is_identity:
            self.content.update(text.encode())

    def _counts(self, column: NDArray[Any], n_values: int) -> NDArray[np.float64]:
        """Return how many training rows hold each of the values 0 … n - 1 of a raw column, shape [n]."""
        counts = np.zeros(n_values)
        for raw_rows in self._blocks(self.order[: self.n_train]):
            values = column[raw_rows]
            counts += np.bincount(values[values >= 0], minlength=n_values)
        return counts

    @staticmethod
    def _blocks(order: NDArray[Any]) -> Iterator[NDArray[Any]]:
        return (order[first : first + BLOCK_ROWS] for first in range(0, len(order), BLOCK_ROWS))

    def _raw_values(self, name: str, column: str, values: NDArray[Any] | pa.Array) -> None:
        self.content.update(name.encode())
        # In blocks, since a list has an object for each text.
        for first in range(0, len(values), BLOCK_ROWS):
            self.content.update("".join(f"\0{value}" for value in listed(values[first : first + BLOCK_ROWS])).encode())
        pq.write_table(pa.table({column: values}), self.folder / f"{name}.parquet")

    def _vocabulary(self, field: Field, values: NDArray[Any] | pa.Array) -> None:
        self._raw_values(f"vocabulary_{field.name}", "value", values)
        self.sizes[field.name] = len(values) + 1

    def sized_schema(self) -> Schema:
        """Return the schema with the vocabulary sizes, which are known once all fields are written."""
        fields = tuple(replace(field, vocabulary_size=self.sizes[field.name]) for field in self.schema.fields)
        return Schema(fields, self.schema.dense)

    def context(self, columns: DiskColumns, values: dict[str, NDArray[Any] | pa.Array]) -> None:
        """Write the context fields and their vocabularies.

        Parameters
        ----------
        columns : raw columns of codes, in which -1 is a missing value.
        values : raw value of each code, by field.
        """
        fields = self.schema.of("context", bag=False)
        ids_of_codes = {}
        for field in fields:
            counts = self._counts(columns[field.name], len(values[field.name]))
            ids, vocabulary = encode_distinct(values[field.name], np.where(counts < self.min_count, 0, counts))
            ids_of_codes[field.name] = np.append(ids, np.int32(UNKNOWN))
            self._vocabulary(field, vocabulary)

        def ids_of(raw_rows: NDArray[Any]) -> NDArray[np.int32]:
            ids = np.empty((len(raw_rows), len(fields)), np.int32)
            codes = [columns[field.name] for field in fields]
            # In small blocks, which stay in a processor's cache while their columns are written one by one.
            for first in range(0, len(raw_rows), CONTEXT_ROWS):
                block = slice(first, first + CONTEXT_ROWS)
                for place, field in enumerate(fields):
                    ids[block, place] = ids_of_codes[field.name][codes[place][raw_rows[block]]]
            return ids

        self.column("context_ids", np.int32, (len(fields),), ids_of)

    def entities(self, side: Side, table: EntityTable, column: NDArray[np.int32]) -> None:
        """Write the entity table of users or items, sorted by descending training frequency, and its vocabularies.

        Parameters
        ----------
        side : `user` or `item`.
        table : raw entities.
        column : row of `table` for each raw row, int32, shape [n_rows].
        """
        counts = self._counts(column, len(table.keys))
        ranks = rank_by_frequency(counts, in_order(table.keys))
        self.column(side, np.int32, (), lambda raw_rows: ranks[column[raw_rows]])
        by_rank = np.argsort(ranks)
        counts, keys = counts[by_rank], taken(table.keys, by_rank)
        self._raw_values(f"entities_{side}", "key", keys)
        n_known = int((counts > 0).sum())
        columns = []
        for field in self.schema.of(side, bag=False):
            if field.name == side:
                ids, vocabulary = np.arange(1, len(keys) + 1, dtype=np.int32), keys[:n_known]
                ids[n_known:] = UNKNOWN
            else:
                ids, vocabulary = encode(table.fields[field.name][by_rank], counts)
            # Row 0 is the unknown entity.
            columns.append(np.concatenate([[UNKNOWN], ids]).astype(np.int32))
            self._vocabulary(field, vocabulary)
        self.array(f"{side}_ids", np.stack(columns, 1))
        for field in self.schema.of(side, bag=True):
            bag = table.bags[field.name]
            lengths = np.diff(bag.offsets)[by_rank]
            first = np.cumsum(lengths) - lengths
            within = np.arange(lengths.sum()) + np.repeat(bag.offsets[:-1][by_rank] - first, lengths)
            ids, vocabulary = encode(bag.values[within], np.repeat(counts, lengths))
            self.array(f"{side}_bag_{field.name}", ids)
            offsets = np.concatenate([[0, 0], np.cumsum(lengths)]).astype(np.int64)
            self.array(f"{side}_bag_{field.name}_offsets", offsets)
            self._vocabulary(field, vocabulary)
