"""Scored rows as a CSV or Parquet file, written block by block."""

import io
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from cadc.data.column_block import Block
from cadc.data.files.formats import COMPRESSIONS, PARQUET
from cadc.errors import UsageError

NOT_WRITTEN = (".xz", ".zip", ".tar", ".tsv", ".xlsx", ".xls", ".ods", ".json", ".jsonl", ".feather", ".arrow", ".orc")
"""Files of other formats, or compressed so that they cannot be written block by block."""
IN_MEMORY = 16 << 20
"""Bytes for a standard stream that are kept in memory; more go to a temporary file."""


def check_suffix(path: Path) -> None:
    """Raise a UsageError if scored rows cannot be written in the format that a file's suffix names."""
    inner = path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path
    if inner.suffix.lower() in NOT_WRITTEN:
        raise UsageError(f"{path} cannot be written: {inner.suffix} is not supported; use .csv, .csv.gz or .parquet.")


def write_scored(path: Path, names: Sequence[str], blocks: Iterable[Block]) -> None:
    """Write blocks of rows to a file: Parquet if its suffix says so, else CSV, compressed as the suffix says.

    Parameters
    ----------
    path : file to write.
    names : names of the columns, also if there are no rows.
    blocks : rows, all with these columns.
    """
    if path.suffix.lower() in PARQUET:
        _write_parquet(path, names, blocks)
        return
    with pa.output_stream(path, compression="detect") as stream, io.TextIOWrapper(stream, "utf-8", newline="") as file:
        write_csv(file, names, blocks)


def send_scored(stream: IO[str], names: Sequence[str], blocks: Iterable[Block]) -> None:
    """Write blocks of rows as CSV to a stream, once all of them are there; in UTF-8, as values must not change."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="strict")
    with tempfile.SpooledTemporaryFile(IN_MEMORY, "w+", encoding="utf-8", newline="") as file:
        write_csv(file, names, blocks)
        file.seek(0)
        shutil.copyfileobj(file, stream)


def write_csv(file: IO[str], names: Sequence[str], blocks: Iterable[Block]) -> None:
    """Write blocks of rows to an open file as CSV: texts and whole numbers as they stand, missing ones empty."""
    pd.DataFrame(columns=list(names)).to_csv(file, index=False, lineterminator="\n")
    for block in blocks:
        table = pa.table({name: _as_written(block.columns[name]) for name in names})
        frame = table.to_pandas(types_mapper=pd.ArrowDtype)
        frame.to_csv(file, index=False, header=False, lineterminator="\n")


def _as_written(values: pa.Array) -> pa.Array:
    """Return texts for what CSV would hold otherwise: bytes that are text, and numbers of few digits."""
    if pa.types.is_floating(values.type) and values.type != pa.float64():
        return values.cast(pa.float32()).cast(pa.string())
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        with suppress(pa.ArrowInvalid):
            return values.cast(pa.string())
    return values


def _write_parquet(path: Path, names: Sequence[str], blocks: Iterable[Block]) -> None:
    tables = (pa.table(block.columns).select(list(names)) for block in blocks)
    # Without rows, no column has a type.
    first = next(tables, pa.table({name: pa.nulls(0) for name in names}))
    with pa.parquet.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)
