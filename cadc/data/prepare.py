"""Preparation of a log: raw rows of a source → split → vocabularies of the training part → columns on disk."""

import json
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadc.data.disk_columns import RAW_RATING, DiskColumns, write_columns
from cadc.data.log import InteractionLog
from cadc.data.log_writer import BLOCK_ROWS, LogWriter
from cadc.data.remarks.copies import copies_remark
from cadc.data.remarks.said import say_remarks
from cadc.data.remarks.spellings import spelling_remarks
from cadc.data.remarks.unique_values import unique_remarks
from cadc.data.sources.source import Source
from cadc.data.split.split import SPLITS, Split
from cadc.data.transform.fitted import fit_transform
from cadc.data.transform.transform import DenseTransform
from cadc.errors import DataError, one_line
from cadc.provenance.fingerprint import code_hash, describe, digest
from cadc.randomness import numpy_generator
from cadc.storage.stage_cache import cached_folder


def prepare(
    source: Source, split: Split, split_seed: int = 0, transform: DenseTransform | None = None
) -> InteractionLog:
    """Return the log of a source; it is prepared once, and then read from the cache.

    Parameters
    ----------
    source : the data set.
    split : assigns rows to train, validation and test.
    split_seed : seed of the random choices of the split.
    transform : what becomes of dense columns; None takes the source's own default.

    Raises
    ------
    DataError : if the source cannot read its files, or a part of the split has no rows.
    NotWritable : if the cache folder is full or read-only.

    Examples
    --------
    >>> from cadc.data.sources.synthetic import Synthetic
    >>> from cadc.data.split import RandomSplit
    >>> log = prepare(Synthetic(n_rows=1000), RandomSplit())
    >>> len(log.rows("validation"))
    100
    """
    transform = transform or source.dense_transform()
    fingerprint = source.fingerprint()
    key = digest(
        {
            "files": fingerprint,
            "edition": source.edition(fingerprint),
            "source": describe(source),
            "split": describe(split),
            "split_seed": split_seed,
            "transform": describe(transform),
            "code": code_hash([*(type(part).__module__ for part in (source, split, transform)), __name__]),
        }
    )
    folder = cached_folder(
        "prepared", key, lambda aside: _prepare(source, fingerprint, split, split_seed, transform, aside)
    )
    log = InteractionLog(folder)
    say_remarks(log.meta)
    return log


def _prepare(
    source: Source, fingerprint: dict[str, str], split: Split, split_seed: int, transform: DenseTransform, folder: Path
) -> None:
    started = time.perf_counter()
    raw = source.read()
    if any(field.side == "context" and field.bag for field in raw.schema.fields):
        raise DataError(f"{source.name}: context fields cannot be bags; make them item or user fields.")
    with tempfile.TemporaryDirectory(dir=folder, prefix="columns-") as aside:
        columns, context_values = write_columns(raw, Path(aside))
        if source.fingerprint() != fingerprint:
            raise DataError(f"the files of {source.name} changed while they were read; run again.")
        order, rows, remark = _order(columns, source.name, split, split_seed)
        writer = LogWriter(folder, raw, order, rows["train"])
        writer.array("row", order)
        for name in ("label", "dense", "time", "oracle"):
            if name == "dense" and name in columns:
                raw.remarks += _write_dense(writer, columns["dense"], transform, split_seed)
            elif name in columns:
                column = columns[name]
                writer.column(name, column.dtype, column.shape[1:], column.__getitem__)
        ratings = {"rating_hash": writer.rating(columns[RAW_RATING])} if RAW_RATING in columns else {}
        for side, table in raw.entities.items():
            writer.entities(side, table, columns[side])
        if context_values:
            writer.context(columns, context_values)
        raw.remarks += [
            *unique_remarks(raw, columns, order[: rows["train"]], writer.sizes),
            *spelling_remarks(raw, context_values),
            *filter(None, [copies_remark(columns, order, list(rows.values())), _unused_parts(split, columns)]),
        ]
        bounds = np.cumsum([0, *rows.values()])
        labels = np.load(folder / "label.npy", mmap_mode="r", allow_pickle=False)
        positives = [int(labels[a:b].sum()) for a, b in pairwise(bounds)]
    schema = writer.sized_schema().to_json()
    # Where the parts end counts as content: a split by time orders the rows alike for any shares.
    writer.content.update(digest([schema, rows]).encode())
    if columns.ticks_per_second > 1:
        writer.content.update(digest({"ticks_per_second": columns.ticks_per_second}).encode())
    meta = {
        "name": source.name,
        "edition": source.edition(fingerprint),
        "files": fingerprint,
        "options": describe(source),
        "schema": schema,
        "rows": rows,
        "positives": dict(zip(SPLITS, positives, strict=True)),
        "split_remark": remark,
        "remarks": [one_line(own) for own in raw.remarks],
        "ticks_per_second": columns.ticks_per_second,
        "content_hash": writer.content.hexdigest(),
        **ratings,
        "prepare_s": time.perf_counter() - started,
    }
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))


def _write_dense(writer: LogWriter, raw: NDArray[Any], transform: DenseTransform, split_seed: int) -> list[str]:
    """Fit the transform to the training part, write the dense columns of all rows as it maps them, return remarks."""
    training_rows = writer.order[: writer.n_train]
    fitted, remarks = fit_transform(
        transform,
        writer.schema.dense,
        writer.n_train,
        lambda rows, column: raw[training_rows[rows], column],
        numpy_generator(split_seed, "transform"),
    )
    writer.dense(fitted, raw)
    return remarks


def _order(
    columns: DiskColumns, name: str, split: Split, split_seed: int
) -> tuple[NDArray[np.integer[Any]], dict[str, int], str]:
    """Return the order of the rows on disk, and the sizes of its parts.

    Returns
    -------
    order : numbers of the raw rows: training rows, then validation, then test, shape [n_rows].
    rows : number of rows of each part.
    remark : sentence about the split for the user; empty if there is none.

    Raises
    ------
    DataError : if the log has no rows, lacks a column that the split needs, or leaves a part without rows.
    """
    n_rows = columns.n_rows
    if n_rows == 0:
        raise DataError(f"{name} holds no rows; expected interactions to train on.")
    asked = _columns_for(split, columns, name)
    place = split.assign(n_rows, numpy_generator(split_seed, "split"), **asked)
    remark = split.remark(place, **asked)
    rows = {name: int(np.count_nonzero(place == index)) for index, name in enumerate(SPLITS)}
    for part, count in rows.items():
        if count == 0:
            raise DataError(
                f"the {part} part of {name} has no rows; the {n_rows} rows of the log are too few to split."
            )
    return _grouped_by_part(place), rows, remark


def _unused_parts(split: Split, columns: DiskColumns) -> str:
    """Return a sentence if the data gives its rows parts and the split does not keep them; otherwise an empty text."""
    if "part" not in columns or "part" in (*split.needs, *split.takes):
        return ""
    return f"the parts that the data gives its rows are not used by {type(split).__name__}; data/split=given keeps them"


def _grouped_by_part(place: NDArray[np.uint8]) -> NDArray[np.integer[Any]]:
    """Return the numbers of the rows of each part one after the other, ascending within a part, shape [n_rows]."""
    order: NDArray[np.integer[Any]] = np.empty(len(place), np.uint32 if len(place) < 2**32 else np.int64)
    n_found = 0
    for index in range(len(SPLITS)):
        for first in range(0, len(place), BLOCK_ROWS):
            found = first + np.flatnonzero(place[first : first + BLOCK_ROWS] == index)
            order[n_found : n_found + len(found)] = found
            n_found += len(found)
    return order


def _columns_for(split: Split, columns: DiskColumns, name: str) -> dict[str, Any]:
    """Return the columns that a split `needs` or `takes`; one that it takes is None if the log lacks it."""
    for column in split.needs:
        if column not in columns:
            lacks = "gives its rows no parts" if column == "part" else f"has no column {column}"
            hint = "set data.part or data.test_path of a table, or " if column == "part" else ""
            raise DataError(f"{name} {lacks}, which {type(split).__name__} needs; {hint}choose data/split=random.")
    found: dict[str, Any] = {name: columns[name] for name in (*split.needs, *split.takes) if name in columns}
    if "ticks_per_second" in split.takes:
        found["ticks_per_second"] = columns.ticks_per_second
    return dict.fromkeys(split.takes) | found
