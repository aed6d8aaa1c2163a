"""Spooling: chunks of a log written to disk one after the other, so that no more than one is in memory."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.data.raw import RawLog
from cadc.data.vocabulary import without_missing

Columns = dict[str, NDArray[Any]]


def spool(raw: RawLog, folder: Path) -> tuple[Columns, dict[str, NDArray[Any]]]:
    """Write the chunks of a log into `folder` and map their columns.

    Returns
    -------
    columns : memory-mapped, by name; context fields hold codes in order of appearance, -1 for missing values.
    values : the raw value of each code, by context field.
    """
    codes: dict[str, dict[Any, int]] = {field.name: {} for field in raw.schema.of("context", bag=False)}
    files: dict[str, Any] = {}
    shapes: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
    try:
        for chunk in raw.chunks:
            parts: dict[str, NDArray[Any] | None] = {
                "label": chunk.label,
                "dense": chunk.dense,
                "time": chunk.time,
                "oracle": chunk.oracle,
                **{str(side): rows for side, rows in chunk.entities.items()},
                **{name: _codes(values, codes[name]) for name, values in chunk.context.items()},
            }
            for name, values in parts.items():
                if values is None:
                    continue
                if name not in files:
                    files[name] = (folder / name).open("wb")
                    shapes[name] = (values.dtype, values.shape[1:])
                files[name].write(np.ascontiguousarray(values).data)
    finally:
        for file in files.values():
            file.close()
    columns: Columns = {"label": np.empty(0, np.float32)}
    for name, (dtype, shape) in shapes.items():
        if (folder / name).stat().st_size:
            columns[name] = np.memmap(folder / name, dtype, "r").reshape(-1, *shape)
    return columns, {name: np.array(list(known)) for name, known in codes.items()}


def _codes(values: NDArray[Any], known: dict[Any, int]) -> NDArray[np.int32]:
    """Return codes of raw values, -1 where missing, and add new values to `known`."""
    codes, uniques = pd.factorize(without_missing(values))
    table = np.array([known.setdefault(value, len(known)) for value in uniques.tolist()] + [-1], np.int32)
    return table[codes]
