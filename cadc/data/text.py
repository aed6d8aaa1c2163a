"""Strict reading of text files: the first line without the expected columns is named."""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from cadc.data.files.records import RecordReader, Records
from cadc.data.files.text_stream import TextStream
from cadc.errors import DataError, reason, shown
from cadc.paths import regular_file

BLOCK_BYTES = 8 << 20


def read_numbers(path: Path, separator: str, columns: Mapping[str, type]) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield the columns of a numeric text file without header, in blocks of lines.

    Parameters
    ----------
    path : the file.
    separator : separator of two columns: one character, or the same character several times.
    columns : name and NumPy type of each column.

    Yields
    ------
    The columns of a block by name, shape [B] each.

    Raises
    ------
    DataError : if the file cannot be read, or a line has a wrong number of columns or holds anything but numbers.
    """
    # A separator of two characters leaves empty columns in between; their type null requires them to be empty.
    width = len(separator)
    names: list[str] = []
    types: dict[str, pa.DataType] = {}
    for index, (name, dtype) in enumerate(columns.items()):
        gaps = [f"gap_{index}_{gap}" for gap in range(width - 1)] if index else []
        names += [*gaps, name]
        types |= {gap: pa.null() for gap in gaps} | {name: pa.from_numpy_dtype(dtype)}
    n_rows = 0
    try:
        with TextStream(path, None) as stream:
            for records in RecordReader(stream, separator[:1].encode(), False, BLOCK_BYTES).pieces():
                if len(records.starts):
                    yield _numbers(records, names, types, columns, separator)
                    n_rows += len(records.starts)
    except pa.ArrowInvalid as error:
        raise DataError(_first_fault(path, separator, columns) or f"{path}: {error}") from error
    except OSError as error:
        raise unreadable(path, error) from error
    if not n_rows:
        raise DataError(f"{path} is empty; expected lines of {separator.join(columns)}.")


def _numbers(
    records: Records, names: list[str], types: dict[str, pa.DataType], columns: Mapping[str, type], separator: str
) -> dict[str, NDArray[Any]]:
    """Return the columns of some lines, one row for each of the lines."""
    block = pa.csv.read_csv(
        pa.py_buffer(records.data),
        pa.csv.ReadOptions(column_names=names, block_size=len(records.data) + 1),
        pa.csv.ParseOptions(delimiter=separator[0], quote_char=False),
        pa.csv.ConvertOptions(column_types=types, null_values=[""]),
    )
    if len(block) != len(records.starts):
        raise pa.ArrowInvalid(f"{len(block)} rows were read of {len(records.starts)} lines")
    for name, dtype in columns.items():
        column = block.column(name)
        if column.null_count or (np.issubdtype(dtype, np.floating) and not np.isfinite(column).all()):
            raise pa.ArrowInvalid(f"column {name} has an empty or infinite value")
    return {name: block.column(name).to_numpy() for name in columns}


def _first_fault(path: Path, separator: str, columns: Mapping[str, type]) -> str | None:
    """Return what is wrong with the first line that does not fit, and where it is; None if every line fits."""
    with path.open(encoding="latin-1") as file:
        for number, line in enumerate(file, 1):
            parts = line.rstrip("\r\n").split(separator)
            if parts == [""]:
                continue
            if len(parts) != len(columns):
                return (
                    f"{path}, line {number}: found {len(parts)} columns, expected {len(columns)} "
                    f"({separator.join(columns)})."
                )
            for text, (name, dtype) in zip(parts, columns.items(), strict=True):
                kind = "whole number" if np.issubdtype(dtype, np.integer) else "number"
                if not _fits(text, dtype):
                    return f"{path}, line {number}: {shown(text)} in column {name} is not a {kind}."
    return None


def _fits(text: str, dtype: type) -> bool:
    """Tell whether a text is a finite number of a NumPy type."""
    try:
        if np.issubdtype(dtype, np.integer):
            limits = np.iinfo(dtype)
            return re.fullmatch(r"-?[0-9]+", text) is not None and limits.min <= int(text) <= limits.max
        return text == text.strip() and "_" not in text and math.isfinite(float(text))
    except ValueError:
        return False


def read_table(path: Path, separator: str, n_columns: int, encoding: str) -> list[list[str]]:
    """Return the columns of a small text file as texts.

    Parameters
    ----------
    path : the file.
    separator : separator of two columns, of any length.
    n_columns : number of columns of each line.
    encoding : encoding of the file.

    Raises
    ------
    DataError : if the file cannot be read or decoded, is empty, or has a line with another number of columns.
    """
    rows = []
    try:
        with regular_file(path).open(encoding=encoding) as file:
            for number, line in enumerate(file, 1):
                parts = line.rstrip("\r\n").split(separator)
                if parts == [""]:
                    continue
                if "\0" in line:
                    raise DataError(f"{path}, line {number} holds a NUL character; expected text in {encoding}.")
                if len(parts) != n_columns:
                    raise DataError(
                        f"{path}, line {number}: found {len(parts)} columns, expected {n_columns} "
                        f"separated by {separator!r}."
                    )
                rows.append(parts)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text in {encoding}: {error.reason} at byte {error.start}.") from error
    except OSError as error:
        raise unreadable(path, error) from error
    if not rows:
        raise DataError(f"{path} is empty; expected lines of {n_columns} columns separated by {separator!r}.")
    return [list(column) for column in zip(*rows, strict=True)]


def whole_numbers(texts: list[str], path: Path, name: str) -> NDArray[np.int64]:
    """Return ids as whole numbers, int64, shape [n].

    Parameters
    ----------
    texts : the ids, which must all be different.
    path : the file that they come from, for messages.
    name : name of their column, for messages.

    Raises
    ------
    DataError : if an id is not a whole number, or is duplicated.
    """
    for number, text in enumerate(texts, 1):
        if not (text.isdecimal() and _fits(text, np.int64)):
            raise DataError(f"{path}, row {number}: {shown(text)} in column {name} is not a whole number.")
    values = np.array(texts, np.int64)
    uniques, counts = np.unique(values, return_counts=True)
    if (counts > 1).any():
        raise DataError(f"{path}: {name} {uniques[counts > 1][0]} is duplicated; every {name} has one line.")
    return values


def positions(
    ids: NDArray[np.int64], keys: NDArray[np.int64], name: str, path: Path, listed: Path
) -> NDArray[np.int32]:
    """Return the position of each id among `keys`, int32, shape [n].

    Parameters
    ----------
    ids : ids to look up, shape [n].
    keys : different ids, shape [m].
    name : what the ids are (`user`, `item`), for messages.
    path, listed : the files that hold `ids` and `keys`, for messages.

    Raises
    ------
    DataError : if an id is not among the keys.
    """
    order = np.argsort(keys)
    at = order[np.searchsorted(keys, ids, sorter=order).clip(max=len(keys) - 1)]
    strange = keys[at] != ids
    if strange.any():
        raise DataError(f"{path} rates {name} {ids[strange][0]}, which {listed.name} does not list.")
    return at.astype(np.int32)


def unreadable(path: Path, error: OSError) -> DataError:
    """Return the error for a file that the system refuses to open or read."""
    return DataError(f"{path} cannot be read: {reason(error)}.")
