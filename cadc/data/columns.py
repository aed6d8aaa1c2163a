"""Columns of CSV and Parquet files, found by name and read in blocks of rows."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from cadc.data.canonical import plain
from cadc.data.column_block import Block
from cadc.data.files.formats import PARQUET, Format, Quoting, format_of
from cadc.data.files.parquet import ParquetTable
from cadc.data.files.separated import SEPARATED, SeparatedFile
from cadc.data.text import BLOCK_BYTES, unreadable
from cadc.errors import CadcError, DataError, MachineTrouble, one_line

MAX_SHOWN = 200
"""Longest quotation from a file in a message, in characters."""
FAULTS_OF_FILES = (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowTypeError, pa.ArrowNotImplementedError)
"""Errors of Arrow that a file causes; others say that memory or threads are lacking."""
MANY = 1000
"""Columns that are searched for similar names; comparing takes long."""


def column_names(
    path: Path,
    wanted: Sequence[str] = (),
    quoting: Quoting = "auto",
    header: bool = True,
    file_format: Format | None = None,
) -> list[str]:
    """Return the names of a file's columns, in its order; those that the caller does not want may be duplicated.

    Parameters
    ----------
    path : a CSV or Parquet file.
    wanted : columns that the caller expects; they tell which separator a CSV file uses.
    quoting : how values of a CSV file are quoted, see `Format.has_quotes`.
    header : whether the first line of a CSV file names the columns, which have numbers from 1 otherwise.
    file_format : None takes the one that the file's suffix tells.

    Raises
    ------
    DataError : if the file is missing, empty or not a CSV or Parquet file.
    """
    try:
        return _opened(path, wanted, header, quoting, file_format).names
    except pa.ArrowException as error:
        raise _broken(path, error) from error
    except OSError as error:
        raise unreadable(path, error) from error


def read_columns(
    path: Path,
    names: Sequence[str],
    header: bool | Sequence[str] = True,
    quoting: Quoting = "auto",
    lists: Collection[str] = (),
    file_format: Format | None = None,
) -> Iterator[Block]:
    """Yield some columns of a CSV or Parquet file in blocks of rows.

    Every row of the file is read: the rows of a CSV file are compared with its lines, those of a Parquet file with the
    number that it announces.

    Parameters
    ----------
    path : the file; its suffix tells its format, and a CSV file may be compressed (.csv.gz).
    names : names of the columns to read.
    header : whether the first line of a CSV file names the columns, which have numbers from 1 otherwise; or the names
        of all columns of a CSV file without such a line.
    quoting : how values of a CSV file are quoted, see `Format.has_quotes`.
    lists : columns that may hold a list in each row of a Parquet file; others may not.
    file_format : None takes the one that the file's suffix tells.

    Raises
    ------
    DataError : if the file lacks a column, has it twice, or cannot be read; the faulty line is named.
    """
    first_row = 0
    try:
        file = _opened(path, names, header, quoting, file_format)
        require_columns(path, names, file.names)
        for batch in file.batches(names, lists) if isinstance(file, ParquetTable) else file.batches(names):
            columns = map(plain, batch.columns)
            yield Block(path, first_row, dict(zip(batch.schema.names, columns, strict=True)))
            first_row += batch.num_rows
    except pa.ArrowException as error:
        raise _broken(path, error) from error
    except OSError as error:
        raise unreadable(path, error) from error


def _opened(
    path: Path, wanted: Sequence[str], header: bool | Sequence[str], quoting: Quoting, file_format: Format | None
) -> ParquetTable | SeparatedFile:
    file_format = file_format or format_of(path)
    if not file_format.is_parquet:
        return SeparatedFile(path, file_format, header, wanted, quoting, BLOCK_BYTES)
    if header is False:
        raise DataError(f"{path} is Parquet, which names its columns; name them, and leave out data.header=false.")
    return ParquetTable(path)


def require_columns(path: Path, names: Sequence[str], found: Sequence[str]) -> None:
    """Raise a DataError for the first name that is not a column of the file, and suggest similar names.

    Parameters
    ----------
    path : the file, for the message.
    names : names of the columns that are needed.
    found : names of the columns that the file has.
    """
    from difflib import get_close_matches

    counts = Counter(found)
    for name in names:
        if counts[name] > 1:
            raise DataError(f"{path} has {counts[name]} columns named {name!r}; give every column a name of its own.")
        if name not in found:
            by_lower = {other.lower(): other for other in found}
            near = [by_lower[other] for other in get_close_matches(name.lower(), [*by_lower][:MANY], n=3)]
            hint = f"it has {', '.join(map(repr, found[:MANY]))[:MAX_SHOWN]}."
            if len(found) == 1 and path.suffix.lower() not in PARQUET:
                hint = f"{hint[:-1]} alone; {SEPARATED}."
            elif name.isdecimal() and path.suffix.lower() not in PARQUET and not all(map(str.isdecimal, found)):
                hint = f"{hint[:-1]}; for columns by their numbers, in a file without names, set data.header=false."
            elif f'"{name}"' in counts:
                hint = "it has the name in quotes; if they enclose values, set data.quoting=double."
            elif near:
                hint = f"did you mean {' or '.join(map(repr, near))}?"
            raise DataError(f"{path} has no column {name!r}; {hint}")


def _broken(path: Path, error: Exception) -> CadcError:
    """Return the error for a file that Arrow cannot read, or for memory and threads that it does not get."""
    # Arrow may quote what the file holds, which may be long and hold any characters.
    reason = one_line(str(error).splitlines()[0].rstrip(".")[:MAX_SHOWN])
    if isinstance(error, FAULTS_OF_FILES):
        return DataError(f"{path} cannot be read: {reason}.")
    return MachineTrouble(f"{path} cannot be read now: {reason}; free memory or raise the limits of this process.")
