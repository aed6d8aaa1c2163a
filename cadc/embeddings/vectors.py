"""Vectors in files, keyed by raw ids: a folder of safetensors or Parquet, or one Parquet file."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from cadc.data.canonical import NotCategorical, canonical_texts
from cadc.data.text import unreadable
from cadc.errors import DataError, UsageError, shown
from cadc.paths import regular_file
from cadc.provenance.fingerprint import file_hash

TABLES = "tables.safetensors"
VOCABULARY = "vocabulary_{}.parquet"
BESIDE = ("vocabulary_", "factors_", "linear_")
"""Prefixes of Parquet files in a folder that do not hold the vectors of a field."""
PARTS = "part-*.parquet"
"""Files of a folder that hold some rows each, as Spark writes a table."""


@dataclass(frozen=True)
class KeyedVectors:
    """Vectors of a field's values.

    Parameters
    ----------
    path : where they came from.
    ids : canonical texts of raw ids, all different, shape [n].
    values : float32, all finite, shape [n, dim].
    unknown : the vector of *unknown*, shape [dim], which stands under a missing id; None where there is none.
    """

    path: Path
    ids: NDArray[Any]
    values: Tensor
    unknown: Tensor | None

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        return self.values.shape[1]


def write_parquet(path: Path, ids: "pd.Series[Any]", columns: dict[str, Tensor]) -> None:
    """Write a column `value` of raw ids, missing for *unknown*, beside columns of numbers [n] or of vectors [n, d]."""
    arrays = {"value": pa.Array.from_pandas(ids)}
    for name, values in columns.items():
        flat = pa.array(values.detach().flatten().numpy())
        arrays[name] = flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    pq.write_table(pa.table(arrays), path)


def names_of_fields(path: Path) -> tuple[str, ...]:
    """Return the names of the fields whose vectors a folder holds.

    Raises
    ------
    UsageError : for a file, or a folder of parts of one, which does not say whose vectors it holds.
    DataError : for a folder without vectors.
    """
    if path.is_file() or any(path.glob(PARTS)):
        raise UsageError(f"{path} holds the vectors of one field; say which with initializer.fields=[item].")
    if (path / TABLES).exists():
        return tuple(sorted(_safetensors(path / TABLES)))
    names = sorted(found.stem for found in path.glob("*.parquet") if not found.stem.startswith(BESIDE))
    if not names:
        raise DataError(f"{path} holds no vectors: expected {TABLES} or FIELD.parquet, as `cadc export` writes them.")
    return tuple(names)


def contents_hash(path: Path) -> str:
    """Return a hash of all vectors in a file or folder, wherever it lies.

    Raises
    ------
    DataError : where nothing can be read.
    """
    try:
        if not path.is_dir():
            return file_hash(regular_file(path))
        files = sorted([path / TABLES, *path.glob("*.parquet"), *path.glob(f"*.parquet/{PARTS}")])
        found = {file.relative_to(path).as_posix(): file_hash(file) for file in files if _is_there(file)}
    except OSError as error:
        raise unreadable(path, error) from error
    return hashlib.sha256("\0".join(f"{name} {value}" for name, value in found.items()).encode()).hexdigest()


def _is_there(file: Path) -> bool:
    return file.exists() and not file.is_dir()


def read_vectors(path: Path, field: str, id_column: str = "value") -> KeyedVectors:
    """Return the vectors of a field.

    Parameters
    ----------
    path : a folder with `tables.safetensors` and `vocabulary_FIELD.parquet`, or with `FIELD.parquet`; or one Parquet
        file, which has a column of raw ids beside one column of lists or several columns of numbers. In place of a
        Parquet file there may be a folder of its parts, as Spark writes them (`part-*.parquet`).
    field : name of the field.
    id_column : name of the column of raw ids.

    Raises
    ------
    DataError : for files that cannot be read or lack a column, numbers that are not finite, ids that are duplicated.
    """
    if (path / TABLES).exists():
        return _from_safetensors(path, field)
    file = path / f"{field}.parquet" if path.is_dir() and not any(path.glob(PARTS)) else path
    parts = sorted(file.glob(PARTS))
    table = _joined(file, [_parquet(part) for part in parts]) if parts else _parquet(file)
    if id_column not in table.column_names:
        raise DataError(
            f"{file} has no column {shown(id_column)} of ids; it has {', '.join(table.column_names)}. "
            "Set initializer.id_column."
        )
    return _keyed(file, _ids(file, table.column(id_column)), _numbers(file, table.drop_columns([id_column])))


def _joined(folder: Path, tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of all parts of a table."""
    try:
        return pa.concat_tables(tables)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"the files {PARTS} in {folder} differ in their columns; expected parts of one table."
        ) from error


def _from_safetensors(folder: Path, field: str) -> KeyedVectors:
    tables = _safetensors(folder / TABLES)
    if field not in tables:
        raise DataError(f"{folder / TABLES} has no table {field}; it has {', '.join(sorted(tables))}.")
    listed = folder / VOCABULARY.format(field)
    vocabulary = _parquet(listed)
    values = tables[field]
    if "value" not in vocabulary.column_names or values.ndim != 2 or len(vocabulary) != len(values):
        raise DataError(
            f"{listed} has columns {', '.join(vocabulary.column_names)} and {len(vocabulary)} rows; expected a column "
            f"value with an id for each row of the table {field}, whose shape is {tuple(values.shape)}."
        )
    return _keyed(folder / TABLES, _ids(listed, vocabulary.column("value")), values.float().numpy())


def _keyed(path: Path, ids: "pd.Series[str]", values: NDArray[np.float32]) -> KeyedVectors:
    """Check what a file holds and take the vector of *unknown* out of it."""
    if not len(ids) or not values.shape[1]:
        raise DataError(f"{path} holds no vectors: it has {len(ids)} rows of {values.shape[1]} numbers.")
    bad = ~np.isfinite(values).all(1)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"{path}, row {row + 1} (id {shown_id(ids.iloc[row])}): its vector holds a number that is missing, NaN or "
            f"infinite, as {int(bad.sum())} of {len(ids)} do."
        )
    if ids.duplicated().any():
        row = int(ids.duplicated().to_numpy().argmax())
        raise DataError(f"{path}, row {row + 1}: the id {shown_id(ids.iloc[row])} is duplicated; keep one vector.")
    missing = (ids == "").to_numpy()
    if missing.all():
        raise DataError(f"{path} holds no ids.")
    unknown = torch.from_numpy(values[missing][0].copy()) if missing.any() else None
    return KeyedVectors(
        path, ids[~missing].to_numpy(), torch.from_numpy(np.ascontiguousarray(values[~missing])), unknown
    )


def shown_id(value: Any) -> str:
    """Return a raw id as a sentence shows it: 'a' or 7, not the type that NumPy keeps it in."""
    return shown(value.item() if isinstance(value, np.generic) else value)


def _ids(file: Path, column: pa.ChunkedArray) -> "pd.Series[str]":
    """Return raw ids as texts, empty where one is missing."""
    try:
        texts = canonical_texts(column.combine_chunks())
    except NotCategorical as error:
        where = "" if error.at is None else f", row {error.at + 1}"
        raise DataError(f"{file}{where}: the column of ids {error.fault}.") from error
    return pd.Series(texts.to_numpy(zero_copy_only=False), dtype=object)


def _numbers(file: Path, table: pa.Table) -> NDArray[np.float32]:
    """Return the vectors of a table's columns, [n, d]: lists in one of them, or a number in each."""
    columns = [column.combine_chunks() for column in table.columns]
    if len(columns) == 1 and (pa.types.is_list(columns[0].type) or pa.types.is_fixed_size_list(columns[0].type)):
        lengths = pc.fill_null(pc.list_value_length(columns[0]), 0).to_numpy(zero_copy_only=False)
        different = lengths != (lengths[0] if len(lengths) else 0)
        if different.any():
            row = int(different.argmax())
            raise DataError(
                f"{file}, row {row + 1}: its vector has {lengths[row]} numbers; the first has {lengths[0]}."
            )
        flat = columns[0].flatten()
        _require_numbers(file, table.column_names[0], flat.type)
        return _as_float(flat).reshape(len(lengths), -1) if len(lengths) else np.empty((0, 0), np.float32)
    for name, column in zip(table.column_names, columns, strict=True):
        _require_numbers(file, name, column.type)
    return np.stack([_as_float(column) for column in columns], 1) if columns else np.empty((len(table), 0), np.float32)


def _as_float(column: pa.Array) -> NDArray[np.float32]:
    values: NDArray[np.float32] = column.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False)
    return values


def _require_numbers(file: Path, name: str, kind: pa.DataType) -> None:
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        raise DataError(f"{file}: column {shown(name)} holds {kind}; expected numbers.")


def _parquet(path: Path) -> pa.Table:
    try:
        return pq.read_table(regular_file(path))
    except OSError as error:
        raise unreadable(path, error) from error
    except pa.ArrowException as error:
        raise DataError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(regular_file(path))
    except OSError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # safetensors has its own classes of error for broken files
        raise DataError(f"{path} cannot be read as safetensors: {str(error).splitlines()[0]}") from error
