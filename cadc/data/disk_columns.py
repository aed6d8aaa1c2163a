"""Raw columns on disk, to which the chunks of a log are appended, so that only one chunk is in memory."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cadc.data.in_threads import in_threads
from cadc.data.numbering.numbering import Numbering
from cadc.data.raw import EntityTable, RawLog
from cadc.data.times import in_ticks
from cadc.errors import DataError

BLOCK_ROWS = 1 << 20
RAW_RATING = "raw rating"
"""Name of the column of ratings; a field may be called `rating`, but no name of a field holds a blank."""


class DiskColumns:
    """Columns on disk by name; each is memory-mapped anew on every access, so that its pages can be dropped.

    Parameters
    ----------
    folder : holds one file for each column.
    shapes : type and shape of a row, by name of the column.
    ticks_per_second : of the column `time`.
    """

    def __init__(
        self, folder: Path, shapes: dict[str, tuple[np.dtype[Any], tuple[int, ...]]], ticks_per_second: int = 1
    ) -> None:
        self.folder = folder
        self.shapes = shapes
        self.ticks_per_second = ticks_per_second

    def __contains__(self, name: str) -> bool:
        return name in self.shapes

    def __getitem__(self, name: str) -> NDArray[Any]:
        dtype, shape = self.shapes[name]
        return np.memmap(self.folder / name, dtype, "r").reshape(-1, *shape)

    @property
    def n_rows(self) -> int:
        """Number of rows of each column."""
        return len(self["label"]) if "label" in self and (self.folder / "label").stat().st_size else 0


def write_columns(raw: RawLog, folder: Path) -> tuple[DiskColumns, dict[str, NDArray[Any] | pa.Array]]:
    """Write the chunks of a log to disk as columns.

    Parameters
    ----------
    raw : the log; its chunks are iterated over once. Its entities get a table for each side that chunks hold ids of.
    folder : receives one file for each column.

    Returns
    -------
    columns : columns by name; context fields hold codes in order of appearance, and -1 for missing values.
    values : raw value of each code, by context field.

    Raises
    ------
    DataError : if times with fractions of a second are too far apart for 64 bits.
    """
    fields = [field.name for field in raw.schema.of("context", bag=False)]
    numberings: dict[str, Numbering] = {name: raw.numbering(folder, name) for name in fields}
    files: dict[str, Any] = {}
    shapes: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
    ticks: list[tuple[int, int]] = []
    try:
        for chunk in raw.chunks:
            for side in chunk.ids:
                if side not in numberings:
                    numberings[side] = raw.numbering(folder, side)
            categories: dict[str, NDArray[Any] | pa.Array] = {**chunk.context}
            categories.update({str(side): ids for side, ids in chunk.ids.items()})
            numbers = in_threads(lambda item: numberings[item[0]].add(item[1]), categories.items())
            parts: dict[str, NDArray[Any] | None] = {
                "label": chunk.label,
                "dense": chunk.dense,
                "time": chunk.time,
                "oracle": chunk.oracle,
                "part": chunk.part,
                RAW_RATING: chunk.rating,
                **{str(side): rows for side, rows in chunk.entities.items()},
                **dict(zip(categories, numbers, strict=True)),
            }
            for name, values in parts.items():
                if values is None:
                    continue
                if name not in files:
                    files[name] = (folder / name).open("wb")
                    shapes[name] = (values.dtype, values.shape[1:])
                files[name].write(np.ascontiguousarray(values).data)
            ticks.append((len(chunk.label), chunk.ticks_per_second))
    finally:
        for file in files.values():
            file.close()
    ticks_per_second = _in_common_ticks(folder / "time", ticks) if "time" in shapes else 1
    raw_values: dict[str, NDArray[Any] | pa.Array] = {}
    for name, numbering in numberings.items():
        found = numbering.finish()
        raw_values[name] = found.values
        if found.of_places is not None and name in shapes:
            shapes[name] = _with_numbers(folder / name, shapes[name][0], found.of_places)
    for side in raw.entities:
        if side in raw_values:
            raw.entities[side] = EntityTable(raw_values[side])
    return DiskColumns(folder, shapes, ticks_per_second), {name: raw_values[name] for name in fields}


def _with_numbers(
    path: Path, dtype: np.dtype[Any], of_places: NDArray[np.int32]
) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Write numbers in place of the places of a column, block by block, and return the type and shape of a row."""
    aside = path.with_name(f"{path.name}.places")
    path.rename(aside)
    places = np.memmap(aside, dtype, "r")
    with path.open("wb") as file:
        for first in range(0, len(places), BLOCK_ROWS):
            block = places[first : first + BLOCK_ROWS]
            # A missing value has the place -1, and the number -1.
            file.write(np.where(block >= 0, of_places[block], np.int32(-1)).data)
    aside.unlink()
    return np.dtype(np.int32), ()


def _in_common_ticks(path: Path, ticks: list[tuple[int, int]]) -> int:
    """Change the times on disk to the finest ticks of all chunks, and return how many of them are a second.

    Parameters
    ----------
    path : file of the column `time`.
    ticks : number of rows and ticks per second of each chunk.
    """
    finest = max(own for _, own in ticks)
    if all(own == finest for _, own in ticks):
        return finest
    column = np.memmap(path, np.int64, "r+")
    first_row = 0
    for n_rows, own in ticks:
        try:
            in_ticks(column[first_row : first_row + n_rows], own, finest)
        except OverflowError as error:
            raise DataError(
                f"the times of the log are too far apart for 64 bits in steps of 1/{finest:,} second; round them to "
                "whole seconds."
            ) from error
        first_row += n_rows
    return finest
