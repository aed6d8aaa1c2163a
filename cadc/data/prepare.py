"""Preparing: a source's raw rows → split → vocabularies of the training part → columns on disk."""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.cache import cached_folder
from cadc.data.log import InteractionLog
from cadc.data.raw import EntityTable, RawLog, Source
from cadc.data.schema import Schema, Side
from cadc.data.split import SPLITS, RandomSplit
from cadc.data.vocabulary import encode, rank_by_frequency, without_missing
from cadc.errors import DataError
from cadc.identity import code_hash, describe, digest
from cadc.randomness import numpy_generator

Write = Callable[[str, NDArray[Any]], None]


def prepare(source: Source, split: RandomSplit, split_seed: int = 0) -> InteractionLog:
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
            "source": describe(source),
            "split": describe(split),
            "split_seed": split_seed,
            "code": code_hash([type(source).__module__, type(split).__module__, __name__]),
        }
    )
    folder = cached_folder("prepared", key, lambda aside: _prepare(source, fingerprint, split, split_seed, aside))
    return InteractionLog(folder)


def _prepare(source: Source, fingerprint: dict[str, str], split: RandomSplit, split_seed: int, folder: Path) -> None:
    started = time.perf_counter()
    raw = source.read()
    if any(field.side == "context" and field.bag for field in raw.schema.fields):
        raise DataError(f"{source.name}: bags of the context side are not supported; make them item or user fields.")
    content = hashlib.sha256()

    def write(name: str, values: NDArray[Any]) -> None:
        values = np.ascontiguousarray(values)
        content.update(f"{name} {values.dtype} {values.shape}".encode())
        content.update(values.data)
        np.save(folder / f"{name}.npy", values)

    with tempfile.TemporaryDirectory(dir=folder, prefix="spool-") as spool:
        columns, vocabularies = _spool(raw, Path(spool))
        n_rows = len(columns["label"])
        if n_rows == 0:
            raise DataError(f"{source.name} holds no rows, so there is nothing to train on.")
        place = split.assign(n_rows, numpy_generator(split_seed, "split"))
        parts = [np.flatnonzero(place == index).astype(_row_type(n_rows)) for index in range(len(SPLITS))]
        for name, part in zip(SPLITS, parts, strict=True):
            if len(part) == 0:
                raise DataError(
                    f"the {name} part of {source.name} is left without rows; {n_rows} are too few to split."
                )
        del place
        order = np.concatenate(parts)
        n_train = len(parts[0])
        write("row", order)
        sizes: dict[str, int] = {}
        for side, table in raw.entities.items():
            entities = columns[side][order]
            sizes |= _write_entities(folder, write, raw.schema, side, table, entities, n_train)
        context = [field.name for field in raw.schema.of("context", bag=False)]
        if context:
            ids = np.empty((n_rows, len(context)), np.int32)
            for index, name in enumerate(context):
                ids[:, index], vocabulary = _encode_context(columns[name][order], vocabularies[name], n_train)
                sizes[name] = _write_vocabulary(folder, name, vocabulary)
            write("context_ids", ids)
        for name in ("label", "dense", "time", "oracle"):
            if name in columns:
                write(name, columns[name][order])
        labels = columns["label"]
        positives = {split_name: int(labels[part].sum()) for split_name, part in zip(SPLITS, parts, strict=True)}
        del columns, labels
    fields = tuple(type(field)(field.name, field.side, sizes[field.name], field.bag) for field in raw.schema.fields)
    schema = Schema(fields, raw.schema.dense).to_json()
    content.update(digest(schema).encode())
    meta = {
        "name": source.name,
        "edition": source.edition(),
        "files": fingerprint,
        "schema": schema,
        "rows": {name: len(part) for name, part in zip(SPLITS, parts, strict=True)},
        "positives": positives,
        "content_hash": content.hexdigest(),
        "prepare_s": time.perf_counter() - started,
    }
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))


def _row_type(n_rows: int) -> type[np.integer[Any]]:
    return np.uint32 if n_rows < 2**32 else np.int64


def _spool(raw: RawLog, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, dict[Any, int]]]:
    """Write the chunks' columns to disk one after the other and map them, so that no chunk is kept.

    Context values become codes in order of appearance; the second result leads from values to codes.
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
    columns: dict[str, NDArray[Any]] = {"label": np.empty(0, np.float32)}
    for name, (dtype, shape) in shapes.items():
        if (folder / name).stat().st_size:
            columns[name] = np.memmap(folder / name, dtype, "r").reshape(-1, *shape)
    return columns, codes


def _codes(values: NDArray[Any], known: dict[Any, int]) -> NDArray[np.int32]:
    """Return codes of raw values, -1 where missing, and add new values to `known`."""
    codes, uniques = pd.factorize(without_missing(values))
    table = np.array([known.setdefault(value, len(known)) for value in uniques.tolist()] + [-1], np.int32)
    return table[codes]


def _encode_context(
    codes: NDArray[np.int32], known: dict[Any, int], n_train: int
) -> tuple[NDArray[np.int32], NDArray[Any]]:
    counts = np.bincount(codes[:n_train] + 1, minlength=len(known) + 1)[1:].astype(np.float64)
    ids_of_codes, vocabulary = encode(np.array(list(known)), counts)
    return np.append(ids_of_codes, np.int32(0))[codes], vocabulary


def _write_entities(
    folder: Path,
    write: Write,
    schema: Schema,
    side: Side,
    table: EntityTable,
    entities: NDArray[np.int32],
    n_train: int,
) -> dict[str, int]:
    """Number the entities by descending training frequency, encode their side features, return vocabulary sizes."""
    counts = np.bincount(entities[:n_train], minlength=len(table.keys)).astype(np.float64)
    ranks = rank_by_frequency(counts, np.argsort(table.keys, kind="stable"))
    write(side, ranks[entities])
    by_rank = np.argsort(ranks)
    counts = counts[by_rank]
    pd.DataFrame({"key": table.keys[by_rank]}).to_parquet(folder / f"entities_{side}.parquet")
    n_known = int((counts > 0).sum())
    sizes: dict[str, int] = {}
    columns = []
    for field in schema.of(side, bag=False):
        if field.name == side:
            ids, vocabulary = np.arange(1, len(ranks) + 1, dtype=np.int32), table.keys[by_rank][:n_known]
            ids[n_known:] = 0
        else:
            ids, vocabulary = encode(table.fields[field.name][by_rank], counts)
        columns.append(np.concatenate([[0], ids]).astype(np.int32))
        sizes[field.name] = _write_vocabulary(folder, field.name, vocabulary)
    write(f"{side}_ids", np.stack(columns, 1))
    for field in schema.of(side, bag=True):
        bag = table.bags[field.name]
        lengths = np.diff(bag.offsets)[by_rank]
        first = np.cumsum(lengths) - lengths
        within = np.arange(lengths.sum()) + np.repeat(bag.offsets[:-1][by_rank] - first, lengths)
        ids, vocabulary = encode(bag.values[within], np.repeat(counts, lengths))
        write(f"{side}_bag_{field.name}", ids)
        write(f"{side}_bag_{field.name}_offsets", np.concatenate([[0, 0], np.cumsum(lengths)]).astype(np.int64))
        sizes[field.name] = _write_vocabulary(folder, field.name, vocabulary)
    return sizes


def _write_vocabulary(folder: Path, field: str, vocabulary: NDArray[Any]) -> int:
    pd.DataFrame({"value": vocabulary}).to_parquet(folder / f"vocabulary_{field}.parquet")
    return len(vocabulary) + 1
