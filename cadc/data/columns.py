"""Columns of CSV and Parquet files by name, streamed in blocks; a wrong value is named by its row and column."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from cadc.data.text import BLOCK_BYTES, unreadable
from cadc.errors import DataError

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
"""Between columns by suffix, unless another gives the header more of the columns that are asked for."""
OTHERS = ",;\t|"
SEPARATED = "columns are separated by commas, semicolons, tabs or pipes"
HEADER_BYTES = 1 << 20
"""Beginning of a file in which its header is looked for."""
PARQUET_ROWS = 1 << 18
"""Rows of a Parquet file that are read at once."""
TIMES = (pa.int64(), pa.timestamp("us"), pa.timestamp("us", "UTC"))
MAX_SHOWN = 200
"""Characters of a file that a message shows."""
A_TIME = "whole seconds, or such as 2024-12-31 23:59:59"


@dataclass
class Block:
    """Consecutive rows of a file.

    Parameters
    ----------
    path : of the file.
    first_row : number of rows before this block.
    columns : by name; texts for CSV, what the file says for Parquet.
    """

    path: Path
    first_row: int
    columns: dict[str, pa.Array]

    def texts(self, name: str, required: bool = False) -> pa.Array:
        """Return a column as texts, missing values as empty ones.

        Parameters
        ----------
        name : of the column.
        required : whether a missing value is an error.

        Raises
        ------
        DataError : for a column of numbers with fractions or of nested values, and for a missing value if required.
        """
        values = self.columns[name]
        kinds = (pa.types.is_string, pa.types.is_integer, pa.types.is_boolean, pa.types.is_null)
        if not any(kind(values.type) for kind in kinds):
            raise DataError(f"{self.path}: column {name} holds {values.type}; expected texts or whole numbers.")
        values = pc.fill_null(pc.cast(values, pa.string()), "")
        if required:
            self._refuse(name, pc.equal(values, ""), "is missing; every row needs one")
        return values

    def numbers(self, name: str, dtype: type, missing: float | None = None) -> NDArray[Any]:
        """Return a column as numbers.

        Parameters
        ----------
        name : of the column.
        dtype : NumPy type of the result.
        missing : stands in for missing values; None makes them an error.

        Raises
        ------
        DataError : for the first value that is no finite number of that type.
        """
        values = self.columns[name]
        kind = "whole number" if np.issubdtype(dtype, np.integer) else "number"
        if pa.types.is_string(values.type):
            values = pc.if_else(pc.equal(values, ""), None, values)
        elif not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or values.type == pa.bool_()):
            raise DataError(f"{self.path}: column {name} holds {values.type}; expected a {kind}.")
        if values.null_count:
            if missing is None:
                self._refuse(name, pc.is_null(values), f"is missing; expected a {kind}")
            values = pc.fill_null(values, pa.scalar(missing).cast(values.type))
        target = pa.from_numpy_dtype(dtype)
        try:
            cast = pc.cast(values, target)
        except pa.ArrowInvalid:
            self._refuse(name, pa.array([not _fits(value, target) for value in values]), f"is no {kind}")
            raise
        found = cast.to_numpy(zero_copy_only=False)
        if np.issubdtype(dtype, np.floating):
            self._refuse(name, pa.array(~np.isfinite(found)), f"is no finite {kind}")
        return np.asarray(found)

    def labels(self, name: str) -> NDArray[np.float32]:
        """Return a column of 0 and 1, or raise a DataError for the first value that is neither."""
        label = self.numbers(name, np.float32)
        self._refuse(name, pa.array((label != 0) & (label != 1)), "is no label; it must be 0 or 1")
        return label

    def seconds(self, name: str) -> NDArray[np.int64]:
        """Return a column of times as seconds: whole numbers as they are, dates and times since 1970 in UTC.

        Raises
        ------
        DataError : for the first value that is neither.
        """
        values = self.columns[name]
        if pa.types.is_string(values.type):
            self._refuse(name, pc.equal(values, ""), f"is missing; expected {A_TIME}")
            values = self._times(name, values)
        if pa.types.is_date(values.type):
            values = pc.cast(values, pa.timestamp("s"))
        if pa.types.is_timestamp(values.type):
            self._refuse(name, pc.is_null(values), f"is missing; expected {A_TIME}")
            whole = pc.cast(values, pa.timestamp("s", values.type.tz), safe=False)
            return np.asarray(pc.cast(whole, pa.int64()).to_numpy())
        return self.numbers(name, np.int64)

    def _times(self, name: str, texts: pa.Array) -> pa.Array:
        """Return texts as whole numbers or as dates and times, whatever all of them are."""
        for kind in TIMES:
            try:
                return pc.cast(texts, kind)
            except pa.ArrowInvalid:
                continue
        wrong = [not any(_fits(text, kind) for kind in TIMES) for text in texts]
        self._refuse(name, pa.array(wrong), f"is no time; expected {A_TIME}")
        raise DataError(f"{self.path}: column {name} mixes ways to write a time; expected {A_TIME} in all rows.")

    def _refuse(self, name: str, wrong: pa.Array, reason: str) -> None:
        """Raise for the first value that is wrong, if any."""
        at = np.flatnonzero(wrong.to_numpy(zero_copy_only=False))
        if len(at):
            value = self.columns[name][int(at[0])].as_py()
            shown = "" if value in (None, "") else f" {str(value)[:40]!r}"
            raise DataError(f"{self.path}, row {self.first_row + at[0] + 1}: column {name}{shown} {reason}.")


def _fits(value: pa.Scalar, target: pa.DataType) -> bool:
    try:
        value.cast(target)
    except pa.ArrowInvalid:
        return False
    return True


def column_names(path: Path, wanted: Sequence[str] = ()) -> list[str]:
    """Return the names of a file's columns.

    Parameters
    ----------
    path : of the file.
    wanted : columns that are asked for; they tell what separates the columns of a CSV file.

    Raises
    ------
    DataError : for a file that is not there, empty, no CSV or Parquet file, or with two columns of one name.
    """
    try:
        if path.suffix == ".parquet":
            names = list(pa.parquet.read_schema(path).names)
        elif _suffix(path) in SEPARATORS:
            with _open_csv(path, _separator(path, wanted)) as reader:
                names = list(reader.schema.names)
        else:
            raise DataError(f"{path} is neither .csv, .tsv, .txt (nor so with .gz) nor .parquet; rename or convert it.")
    except pa.ArrowException as error:
        raise _broken(path, error) from error
    except OSError as error:
        raise unreadable(path, error) from error
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path} has {names.count(name)} columns {name!r}; every column needs a name of its own.")
    return names


def read_columns(path: Path, names: Sequence[str], header: bool = True) -> Iterator[Block]:
    """Yield blocks of some columns of a CSV or Parquet file.

    Parameters
    ----------
    path : the file; its suffix says what it is, and a CSV file may be compressed (.csv.gz).
    names : of the columns wanted; of all columns for a CSV file without header.
    header : whether the first line of a CSV file names the columns.

    Raises
    ------
    DataError : for a column that the file does not have, or a file that cannot be read.
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
    """Return an array without the ways in which files spare space."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    return values


def require_columns(path: Path, names: Sequence[str], found: Sequence[str]) -> None:
    """Raise a DataError for the first name that is no column of the file, with those that are near it."""
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
    """Return the suffix that says what a file is: `.csv` of `.csv.gz`, which Arrow unpacks block by block."""
    inner = Path(path.stem).suffix
    return inner if path.suffix == ".gz" and inner in SEPARATORS else path.suffix


def _separator(path: Path, wanted: Sequence[str]) -> str:
    """Return what separates the columns of a CSV file: that by which its header holds most of those wanted."""
    with pa.input_stream(path) as file:
        text = file.read(HEADER_BYTES).decode("utf-8-sig", "replace")
    line = re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]

    def n_held(separator: str) -> int:
        try:
            return len({*wanted}.intersection(next(csv.reader([line], delimiter=separator), [])))
        except csv.Error:  # of a name that is far too long
            return 0

    # The first of equals, so that no file is read in another way than its suffix says without need.
    return max((SEPARATORS[_suffix(path)], *OTHERS), key=n_held)


def _open_csv(path: Path, separator: str, names: list[str] | None = None, header: bool = True) -> Any:
    # All as texts: types guessed from the first block would not hold for the next ones, and would lose leading zeros.
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
    # Arrow shows the row itself, which may be long and hold anything.
    reason = str(error).splitlines()[0].rstrip(".")[:MAX_SHOWN]
    hint = f"; {SEPARATED}" if "Expected 1 columns" in reason else ""
    return DataError(f"{path} cannot be read: {_printable(reason)}{hint}.")


def _printable(text: str) -> str:
    """Return a text as it is, or with its control characters spelt out."""
    return text if text.isprintable() else ascii(text)
