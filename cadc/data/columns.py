"""Columns of CSV and Parquet files, found by name and read in blocks of rows."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from cadc.data.column_block import Block
from cadc.data.text import BLOCK_BYTES, unreadable
from cadc.errors import DataError, one_line

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
"""Separator of columns by suffix, unless another one finds more of the wanted columns in the header."""
OTHER_SEPARATORS = ",;\t|"
SEPARATED = "columns are separated by commas, semicolons, tabs or pipes"
HEADER_BYTES = 1 << 20
"""Bytes at the beginning of a file that are searched for its header."""
PARQUET_ROWS = 1 << 18
"""Rows of a Parquet file that are read at once."""
MAX_SHOWN = 200
"""Longest quotation from a file in a message, in characters."""


def column_names(path: Path, wanted: Sequence[str] = ()) -> list[str]:
    """Return the names of a file's columns.

    Parameters
    ----------
    path : a CSV or Parquet file.
    wanted : columns that the caller expects; they tell which separator a CSV file uses.

    Raises
    ------
    DataError : if the file is missing, empty, not a CSV or Parquet file, or has two columns of the same name.
    """
    try:
        if path.suffix == ".parquet":
            names = list(pa.parquet.read_schema(path).names)
        elif _suffix(path) in SEPARATORS:
            with _open_csv(path, _separator(path, wanted)) as reader:
                names = list(reader.schema.names)
        else:
            raise DataError(
                f"{path} ends in none of .csv, .tsv, .txt (each also with .gz) and .parquet; rename or convert it."
            )
    except pa.ArrowException as error:
        raise _broken(path, error) from error
    except OSError as error:
        raise unreadable(path, error) from error
    for name in names:
        if names.count(name) > 1:
            raise DataError(
                f"{path} has {names.count(name)} columns named {name!r}; give every column a name of its own."
            )
    return names


def read_columns(path: Path, names: Sequence[str], header: bool = True) -> Iterator[Block]:
    """Yield some columns of a CSV or Parquet file in blocks of rows.

    Parameters
    ----------
    path : the file; its suffix tells its format, and a CSV file may be compressed (.csv.gz).
    names : names of the columns to read; for a CSV file without header the names of all its columns.
    header : whether the first line of a CSV file names the columns.

    Raises
    ------
    DataError : if the file lacks a column or cannot be read.
    """
    if header:
        require_columns(path, names, column_names(path, names))
    first_row = 0
    try:
        for batch in _batches(path, list(names), header):
            columns = map(_plain, batch.columns)
            yield Block(path, first_row, dict(zip(batch.schema.names, columns, strict=True)))
            first_row += batch.num_rows
    except pa.ArrowException as error:
        raise _broken(path, error) from error
    except OSError as error:
        raise unreadable(path, error) from error


def _plain(values: pa.Array) -> pa.Array:
    """Return an array with dictionaries and large strings turned into plain strings."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    return values


def require_columns(path: Path, names: Sequence[str], found: Sequence[str]) -> None:
    """Raise a DataError for the first name that is not a column of the file, and suggest similar names.

    Parameters
    ----------
    path : the file, for the message.
    names : names of the columns that are needed.
    found : names of the columns that the file has.
    """
    from difflib import get_close_matches

    for name in names:
        if name not in found:
            by_lower = {other.lower(): other for other in found}
            near = [by_lower[other] for other in get_close_matches(name.lower(), by_lower, n=3)]
            hint = f"it has {', '.join(map(repr, found))[:MAX_SHOWN]}."
            if len(found) == 1 and _suffix(path) in SEPARATORS:
                hint = f"{hint[:-1]} alone; {SEPARATED}."
            elif near:
                hint = f"did you mean {' or '.join(map(repr, near))}?"
            raise DataError(f"{path} has no column {name!r}; {hint}")


def _batches(path: Path, names: list[str], header: bool) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        with pa.parquet.ParquetFile(path) as file:
            yield from file.iter_batches(PARQUET_ROWS, columns=names)
    else:
        separator = _separator(path, names) if header else SEPARATORS[_suffix(path)]
        with _open_csv(path, separator, names, header) as reader:
            yield from reader


def _suffix(path: Path) -> str:
    """Return the suffix that tells the format of a file: `.csv` for `.csv.gz`, which Arrow unpacks block by block."""
    inner = Path(path.stem).suffix
    return inner if path.suffix == ".gz" and inner in SEPARATORS else path.suffix


def _separator(path: Path, wanted: Sequence[str]) -> str:
    """Return the separator of a CSV file: the one that finds most of the wanted columns in the header."""
    with pa.input_stream(path) as file:
        text = file.read(HEADER_BYTES).decode("utf-8-sig", "replace")
    line = re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]

    def n_found(separator: str) -> int:
        try:
            return len({*wanted}.intersection(next(csv.reader([line], delimiter=separator), [])))
        except csv.Error:  # a name that is far too long
            return 0

    # Of equals the first wins: the suffix decides unless another separator is clearly better.
    return max((SEPARATORS[_suffix(path)], *OTHER_SEPARATORS), key=n_found)


def _open_csv(path: Path, separator: str, names: list[str] | None = None, header: bool = True) -> Any:
    # All columns are read as texts: types guessed from the first block may not fit later ones, and lose leading zeros.
    convert = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names or [], pa.string()), include_columns=names, strings_can_be_null=False
    )
    read = pa.csv.ReadOptions(block_size=BLOCK_BYTES, column_names=None if header else names)
    return pa.csv.open_csv(path, read, pa.csv.ParseOptions(delimiter=separator), convert)


def _broken(path: Path, error: Exception) -> DataError:
    if "Empty CSV file" in str(error):
        return DataError(f"{path} is empty; expected a line of column names, then rows.")
    if "UTF8" in str(error):
        return DataError(f"{path} is not text in UTF-8; save it in that encoding.")
    # Arrow quotes the row, which may be long and hold any characters.
    reason = str(error).splitlines()[0].rstrip(".")[:MAX_SHOWN]
    hint = f"; {SEPARATED}" if "Expected 1 columns" in reason else ""
    return DataError(f"{path} cannot be read: {one_line(reason)}{hint}.")
