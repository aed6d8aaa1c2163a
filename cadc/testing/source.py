"""The contract of data sources."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from cadc.data.log import InteractionLog
from cadc.data.prepare import prepare
from cadc.data.raw import Chunk, EntityTable, RawLog
from cadc.data.sources.published import PublishedFiles
from cadc.data.sources.source import Source
from cadc.data.split.random import RandomSplit
from cadc.data.split.split import SPLITS
from cadc.errors import DataError
from cadc.provenance.fingerprint import describe, digest
from cadc.testing.expect import expect, expect_derived, expect_refusal

EDITIONS = ("published", "local", "rolling", "generated")
JUNK = "\x01this is not a row"


def check_source(cls: type[Source], **options: Any) -> None:
    """Check that a source keeps the contract of `cadc.data.sources.source.Source`.

    Labels are 0 or 1; rows name entities that exist; every field of the schema has values; columns of a chunk have the
    same length; two readings agree; the log can be prepared. A copy of each raw text file that is empty, or ends in a
    line that is not a row, is refused with a `DataError` that names the file.

    Raw files are those of a `PublishedFiles`, under `CADC_DATA_DIR`, or those that options name by their path. Give
    small files: all of them are read several times.

    Parameters
    ----------
    cls : the class.
    options : of the class.

    Raises
    ------
    AssertionError : with a sentence that says which part of the contract is broken.

    Examples
    --------
    >>> from cadc.data.sources.synthetic import Synthetic
    >>> check_source(Synthetic, n_rows=500, n_users=20, n_items=30)
    """
    expect_derived(cls, Source)
    source, name = cls(**options), cls.__name__
    expect(isinstance(source.name, str) and source.name, f"{name}.name is {source.name!r}; expected a text.")
    place = source.place()
    expect(isinstance(place, str) and place, f"{name}.place returned {place!r}; expected a text.")
    digest(describe(source))  # the key of the cache, which takes each option from an attribute of its name
    fingerprint = source.fingerprint()
    for file, hashed in fingerprint.items():
        expect(re.fullmatch(r"[0-9a-f]{64}", hashed), f"{name}.fingerprint of {file} is {hashed!r}; expected SHA-256.")
    expect(cls(**options).fingerprint() == fingerprint, f"{name}.fingerprint differs between two objects.")
    edition = source.edition(fingerprint)
    expect(edition in EDITIONS, f"{name}.edition is {edition!r}; expected one of {', '.join(EDITIONS)}.")
    found = _read(source)
    expect(found == _read(cls(**options)), f"{name} read different rows the second time.")
    log = prepare(source, RandomSplit())
    expect(isinstance(log, InteractionLog) and log.n_rows("train") > 0, f"{name} was prepared without training rows.")
    for path, make in _raw_files(cls, options):
        _check_refuses_damage(name, path, make)


def _read(source: Source) -> str:
    """Walk through a log, check it, and return a hash of its rows."""
    name = type(source).__name__
    raw = source.read()
    expect(isinstance(raw, RawLog), f"{name}.read returned {type(raw).__name__}; expected a RawLog.")
    rows, largest = [], dict.fromkeys(raw.entities, -1)
    for chunk in raw.chunks:
        _check_chunk(name, chunk, raw, source)
        sides = {key: own.tolist() for key, own in (*chunk.entities.items(), *chunk.ids.items())}
        rows.append(digest([chunk.label.tolist(), sides]))
        for side, own in chunk.entities.items():
            largest[side] = max(largest[side], int(own.max(initial=-1)))
    expect(rows, f"{name} has no chunk of rows.")
    for side, table in raw.entities.items():
        _check_entities(name, side, table, raw)
        expect(
            largest[side] < len(table.keys),
            f"{name}: a row names {side} {largest[side]}, but the table of {side}s has {len(table.keys)} rows.",
        )
    return digest(rows)


def _check_chunk(name: str, chunk: Chunk, raw: RawLog, source: Source) -> None:
    n_rows, schema = len(chunk.label), raw.schema
    expect(chunk.label.dtype == np.float32, f"{name}: labels are {chunk.label.dtype}; expected float32.")
    strange = chunk.label[(chunk.label != 0) & (chunk.label != 1)]
    expect(not len(strange), f"{name}: the label {strange[:1]} is neither 0 nor 1.")
    expect(
        sorted([*chunk.entities, *chunk.ids]) == sorted(raw.entities),
        f"{name}: a chunk has {sorted([*chunk.entities, *chunk.ids])}, but there are tables of {sorted(raw.entities)}.",
    )
    context = {field.name for field in schema.of("context", bag=False)}
    expect(
        set(chunk.context) == context,
        f"{name}: a chunk has the context fields {sorted(chunk.context)}; the schema has {sorted(context)}.",
    )
    optional = {
        "dense": chunk.dense,
        "time": chunk.time,
        "oracle": chunk.oracle,
        "part": chunk.part,
        "rating": chunk.rating,
    }
    for column, values in (*chunk.entities.items(), *chunk.ids.items(), *chunk.context.items(), *optional.items()):
        if values is not None:
            expect(len(values) == n_rows, f"{name}: a chunk of {n_rows} labels has {len(values)} values of {column}.")
    for side, own in chunk.entities.items():
        expect(
            own.dtype == np.int32 and (own >= 0).all(),
            f"{name}: {side}s of a chunk are {own.dtype} from {own.min(initial=0)}; expected int32 rows of a table.",
        )
    width = 0 if chunk.dense is None else chunk.dense.shape[1]
    expect(width == len(schema.dense), f"{name}: a chunk has {width} dense columns; the schema has {schema.dense}.")
    expect(
        chunk.dense is None or (chunk.dense.dtype in (np.float32, np.float64) and np.isfinite(chunk.dense).all()),
        f"{name}: dense values are not all finite numbers of type float64 or float32.",
    )
    expect(chunk.time is None or chunk.time.dtype == np.int64, f"{name}: times are not whole numbers of type int64.")
    expect(
        chunk.rating is None or (chunk.rating.dtype == np.float32 and np.isfinite(chunk.rating).all()),
        f"{name}: ratings are not all finite numbers of type float32.",
    )
    expect(
        chunk.part is None or (chunk.part.dtype == np.uint8 and (chunk.part < len(SPLITS)).all()),
        f"{name}: parts are not all a place in {', '.join(SPLITS)} (0 to {len(SPLITS) - 1}) of type uint8.",
    )
    expect(
        (chunk.oracle is not None) == ("oracle" in source.extra_columns)
        and (chunk.rating is None or "rating" in source.extra_columns),
        f"{name}: extra_columns is {source.extra_columns}, which does not agree with the chunks.",
    )


def _check_entities(name: str, side: str, table: EntityTable, raw: RawLog) -> None:
    keys = table.keys
    expect(len(np.unique(keys)) == len(keys), f"{name}: an id of a {side} is duplicated in the table of {side}s.")
    fields = {field.name for field in raw.schema.fields if field.side == side and field.name != side}
    expect(side in raw.schema, f"{name}: there is a table of {side}s, but the schema has no field {side!r}.")
    expect(
        {*table.fields, *table.bags} == fields,
        f"{name}: the table of {side}s has {sorted({*table.fields, *table.bags})}; the schema has {sorted(fields)}.",
    )
    for field, values in table.fields.items():
        expect(len(values) == len(keys), f"{name}: {len(values)} values of {field} for {len(keys)} {side}s.")
    for field, bag in table.bags.items():
        steps = np.diff(bag.offsets)
        expect(
            len(steps) == len(keys)
            and bag.offsets[0] == 0
            and (steps >= 0).all()
            and bag.offsets[-1] == len(bag.values),
            f"{name}: the offsets of {field} do not cut {len(bag.values)} values into {len(keys)} bags.",
        )


def _raw_files(cls: type[Source], options: dict[str, Any]) -> Iterator[tuple[Path, "_Make"]]:
    """Yield each raw text file, and how to make the source with another file in its place."""
    for key, value in options.items():
        if isinstance(value, str | Path) and Path(value).is_file() and _is_text(Path(value)):
            yield Path(value), lambda copy, key=key: _with_option(cls, {**options, key: str(copy)})  # type: ignore[misc]
    source = cls(**options)
    if isinstance(source, PublishedFiles):
        folder = source.folder
        for file in source.files:
            if _is_text(folder / file):
                yield folder / file, lambda copy: _with_folder(cls, options, folder, copy)


_Make = Callable[[Path], Any]


@contextmanager
def _with_option(cls: type[Source], options: dict[str, Any]) -> Iterator[Source]:
    yield cls(**options)


@contextmanager
def _with_folder(cls: type[Source], options: dict[str, Any], folder: Path, copy: Path) -> Iterator[Source]:
    """Make the source find its files in a copy of their folder, one of them exchanged."""
    place = copy.parent / "data" / folder.name
    shutil.copytree(folder, place)
    shutil.copyfile(copy, place / copy.name)
    before = os.environ.get("CADC_DATA_DIR")
    os.environ["CADC_DATA_DIR"] = str(place.parent)
    try:
        yield cls(**options)
    finally:
        shutil.rmtree(place)
        if before is None:
            del os.environ["CADC_DATA_DIR"]
        else:
            os.environ["CADC_DATA_DIR"] = before


def _check_refuses_damage(name: str, path: Path, make: _Make) -> None:
    whole = path.read_bytes()
    ending = b"" if whole.endswith(b"\n") else b"\n"
    with TemporaryDirectory(prefix="cadc-testing-") as folder:
        copy = Path(folder) / path.name
        for what, content in (
            ("empty", b""),
            (f"with the last line {JUNK!r}", whole + ending + JUNK.encode() + b"\n"),
        ):
            copy.write_bytes(content)

            def read() -> None:
                with make(copy) as source:
                    for _ in source.read().chunks:
                        pass

            expect_refusal(DataError, read, f"{name}: the file {path.name}, {what},")
            try:
                read()
            except DataError as error:
                expect(
                    path.name in str(error),
                    f"{name}: the file {path.name}, {what}, is refused without its name: {error}",
                )


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(4096)
    return b"\0" not in start and not start.startswith(b"\x1f\x8b")
