"""Preparing: a source's raw rows → split → vocabularies of the training part → columns on disk."""

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.data.disk_columns import Spooled, spool
from cadc.data.log import InteractionLog
from cadc.data.raw import EntityTable, RawLog
from cadc.data.schema import UNKNOWN, Field, Schema, Side
from cadc.data.sources.source import Source
from cadc.data.split.split import SPLITS, Split
from cadc.data.vocabulary import encode, rank_by_frequency
from cadc.errors import DataError
from cadc.provenance.fingerprint import code_hash, describe, digest
from cadc.randomness import numpy_generator
from cadc.storage.stage_cache import cached_folder


def prepare(source: Source, split: Split, split_seed: int = 0) -> InteractionLog:
    """Return the prepared log, from the cache where the same content was prepared before.

    Parameters
    ----------
    source : the data set.
    split : assigns rows to train, validation and test.
    split_seed : seed of the split's random choices.

    Raises
    ------
    DataError : for files that the source cannot read, or a split that is left without rows.
    """
    fingerprint = source.fingerprint()
    key = digest(
        {
            "files": fingerprint,
            "edition": source.edition(fingerprint),
            "source": describe(source),
            "split": describe(split),
            "split_seed": split_seed,
            "code": code_hash([type(source).__module__, type(split).__module__, __name__]),
        }
    )
    folder = cached_folder("prepared", key, lambda aside: _prepare(source, fingerprint, split, split_seed, aside))
    return InteractionLog(folder)


def _prepare(source: Source, fingerprint: dict[str, str], split: Split, split_seed: int, folder: Path) -> None:
    started = time.perf_counter()
    raw = source.read()
    if any(field.side == "context" and field.bag for field in raw.schema.fields):
        raise DataError(f"{source.name}: bags of the context side are not supported; make them item or user fields.")
    with tempfile.TemporaryDirectory(dir=folder, prefix="spool-") as aside:
        columns, context_values = spool(raw, Path(aside))
        if source.fingerprint() != fingerprint:
            raise DataError(f"the files of {source.name} changed while they were read; run again.")
        order, rows, remark = _order(columns, source.name, split, split_seed)
        writer = _Writer(folder, raw, order, rows["train"])
        writer.whole("row", order)
        for name in ("label", "dense", "time", "oracle"):
            if name in columns:
                column = columns[name]
                writer.rows(name, column.dtype, column.shape[1:], column.__getitem__)
        for side, table in raw.entities.items():
            writer.entities(side, table, columns[side])
        if context_values:
            writer.context(columns, context_values)
        bounds = np.cumsum([0, *rows.values()])
        labels = np.load(folder / "label.npy", mmap_mode="r", allow_pickle=False)
        positives = [int(labels[a:b].sum()) for a, b in pairwise(bounds)]
    schema = writer.sized_schema().to_json()
    # Where the parts end is content, too: rows in the order of time are the same for any shares.
    writer.content.update(digest([schema, rows]).encode())
    meta = {
        "name": source.name,
        "edition": source.edition(fingerprint),
        "files": fingerprint,
        "schema": schema,
        "rows": rows,
        "positives": dict(zip(SPLITS, positives, strict=True)),
        "split_remark": remark,
        "content_hash": writer.content.hexdigest(),
        "prepare_s": time.perf_counter() - started,
    }
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))


def _order(
    columns: Spooled, name: str, split: Split, split_seed: int
) -> tuple[NDArray[np.integer[Any]], dict[str, int], str]:
    """Return the raw rows in the order train, validation, test, how many fall into each, and what to say of it."""
    n_rows = columns.n_rows
    if n_rows == 0:
        raise DataError(f"{name} holds no rows, so there is nothing to train on.")
    asked = _columns_for(split, columns, name)
    place = split.assign(n_rows, numpy_generator(split_seed, "split"), **asked)
    remark = split.remark(place, **asked)
    if remark:
        print(f"{name}: {remark}", file=sys.stderr)
    row_type = np.uint32 if n_rows < 2**32 else np.int64
    parts = [np.flatnonzero(place == index).astype(row_type) for index in range(len(SPLITS))]
    rows = {split_name: len(part) for split_name, part in zip(SPLITS, parts, strict=True)}
    for split_name, count in rows.items():
        if count == 0:
            raise DataError(f"the {split_name} part of {name} is left without rows; {n_rows} are too few to split.")
    return np.concatenate(parts), rows, remark


def _columns_for(split: Split, columns: Spooled, name: str) -> dict[str, NDArray[Any] | None]:
    """Return the columns that a split asks for: those that it `needs`, and those that it `takes` where there are any.

    Raises
    ------
    DataError : where the log lacks a column that the split needs.
    """
    for column in split.needs:
        if column not in columns:
            raise DataError(
                f"{name} has no {column} column, which {type(split).__name__} needs; choose data/split=random."
            )
    found = {column: columns[column] for column in (*split.needs, *split.takes) if column in columns}
    return dict.fromkeys(split.takes) | found


BLOCK_ROWS = 1 << 22


class _Writer:
    """Writes columns and vocabularies and hashes what it writes.

    Parameters
    ----------
    folder : of the prepared log.
    raw : gives the fields, whose vocabularies are not counted yet, and how rare a context value may be.
    order : raw rows in the order of the splits.
    n_train : number of training rows; only these count for vocabularies.
    """

    def __init__(self, folder: Path, raw: RawLog, order: NDArray[np.integer[Any]], n_train: int) -> None:
        self.folder = folder
        self.schema = raw.schema
        self.min_count = raw.min_count
        self.order = order
        self.n_train = n_train
        self.content = hashlib.sha256()
        self.sizes: dict[str, int] = {}

    def whole(self, name: str, values: NDArray[Any]) -> None:
        """Write an array that is in memory."""
        values = np.ascontiguousarray(values)
        self.content.update(f"{name} {values.dtype} {values.shape}".encode())
        self.content.update(values.data)
        np.save(self.folder / f"{name}.npy", values)

    def rows(
        self,
        name: str,
        dtype: np.dtype[Any] | type,
        row_shape: tuple[int, ...],
        of_raw_rows: Callable[[NDArray[Any]], NDArray[Any]],
    ) -> None:
        """Write a column in the order of the splits, block by block, so that no copy of it is in memory."""
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (len(self.order), *row_shape)}
        self.content.update(f"{name} {header}".encode())
        with (self.folder / f"{name}.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for raw_rows in self._blocks(self.order):
                block = np.ascontiguousarray(of_raw_rows(raw_rows), dtype)
                self.content.update(block.data)
                file.write(block.data)

    def counts(self, column: NDArray[Any], n_values: int) -> NDArray[np.float64]:
        """Count the values 0 … n - 1 of a raw column in the training rows."""
        counts = np.zeros(n_values)
        for raw_rows in self._blocks(self.order[: self.n_train]):
            values = column[raw_rows]
            counts += np.bincount(values[values >= 0], minlength=n_values)
        return counts

    @staticmethod
    def _blocks(order: NDArray[Any]) -> Iterator[NDArray[Any]]:
        return (order[first : first + BLOCK_ROWS] for first in range(0, len(order), BLOCK_ROWS))

    def values(self, name: str, column: str, values: NDArray[Any]) -> None:
        self.content.update("\0".join([name, *map(str, values.tolist())]).encode())
        pd.DataFrame({column: values}).to_parquet(self.folder / f"{name}.parquet")

    def vocabulary(self, field: Field, values: NDArray[Any]) -> None:
        self.values(f"vocabulary_{field.name}", "value", values)
        self.sizes[field.name] = len(values) + 1

    def sized_schema(self) -> Schema:
        fields = tuple(replace(field, vocabulary_size=self.sizes[field.name]) for field in self.schema.fields)
        return Schema(fields, self.schema.dense)

    def context(self, columns: Spooled, values: dict[str, NDArray[Any]]) -> None:
        """Encode the context fields; their raw columns hold codes, -1 for missing values."""
        fields = self.schema.of("context", bag=False)
        ids_of_codes = {}
        for field in fields:
            counts = self.counts(columns[field.name], len(values[field.name]))
            ids, vocabulary = encode(values[field.name], np.where(counts < self.min_count, 0, counts))
            ids_of_codes[field.name] = np.append(ids, np.int32(UNKNOWN))
            self.vocabulary(field, vocabulary)

        def ids_of(raw_rows: NDArray[Any]) -> NDArray[np.int32]:
            return np.stack([ids_of_codes[field.name][columns[field.name][raw_rows]] for field in fields], 1)

        self.rows("context_ids", np.int32, (len(fields),), ids_of)

    def entities(self, side: Side, table: EntityTable, column: NDArray[np.int32]) -> None:
        """Number the entities by descending training frequency and encode their side features."""
        counts = self.counts(column, len(table.keys))
        ranks = rank_by_frequency(counts, np.argsort(table.keys, kind="stable"))
        self.rows(side, np.int32, (), lambda raw_rows: ranks[column[raw_rows]])
        by_rank = np.argsort(ranks)
        counts, keys = counts[by_rank], table.keys[by_rank]
        self.values(f"entities_{side}", "key", keys)
        n_known = int((counts > 0).sum())
        columns = []
        for field in self.schema.of(side, bag=False):
            if field.name == side:
                ids, vocabulary = np.arange(1, len(keys) + 1, dtype=np.int32), keys[:n_known]
                ids[n_known:] = UNKNOWN
            else:
                ids, vocabulary = encode(table.fields[field.name][by_rank], counts)
            # Row 0 is the entity that nothing is known of.
            columns.append(np.concatenate([[UNKNOWN], ids]).astype(np.int32))
            self.vocabulary(field, vocabulary)
        self.whole(f"{side}_ids", np.stack(columns, 1))
        for field in self.schema.of(side, bag=True):
            bag = table.bags[field.name]
            lengths = np.diff(bag.offsets)[by_rank]
            first = np.cumsum(lengths) - lengths
            within = np.arange(lengths.sum()) + np.repeat(bag.offsets[:-1][by_rank] - first, lengths)
            ids, vocabulary = encode(bag.values[within], np.repeat(counts, lengths))
            self.whole(f"{side}_bag_{field.name}", ids)
            offsets = np.concatenate([[0, 0], np.cumsum(lengths)]).astype(np.int64)
            self.whole(f"{side}_bag_{field.name}_offsets", offsets)
            self.vocabulary(field, vocabulary)
