"""What a run or a stage left on disk, damaged: weights, records, the cache; and rows to be scored that are none."""

import gzip
import hashlib
import json
import os
import pickle
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from tests.commands import TINY
from tests.malformed import Case, Place, rng_of

RUNS = {"bias": ("model=bias",), "dlrm": ("initializer=mf", "logger=none")}
HEADER = "user,item,hour,recency"


def cases() -> Iterator[Case]:
    """Every damaged file, with the command that reads it."""
    for kind, spoil in WEIGHTS.items():
        yield _of_run(f"weights: {kind}", spoil, "model.safetensors", "model.safetensors")
    for kind, (text, named) in RECORD_TEXTS.items():
        yield _of_run(f"record: {kind}", _writing(text), "record.json", named)
    for key, value in RECORD_CHANGES:
        yield _of_run(f"record: {key} is {str(value)[:40]!r}", _changing(key, value), "record.json", "record.json")
    for key in RECORD_KEYS:
        yield _of_run(f"record: no {key}", _removing(key), "record.json", "record.json")
    for kind, (text, named) in RECORD_TEXTS.items():
        yield _report(f"committed records: {kind}", text, named)
    for kind, spoil in ROWS.items():
        yield _rows(f"rows: {kind}", spoil)
    for kind, (pattern, spoil) in CACHE.items():
        yield _cache(f"cache: {kind}", pattern, spoil)


def predict(place: Place, run: str) -> list[str]:
    """Words that score three rows with a run."""
    path = place.work / "rows.csv"
    path.write_text(f"{HEADER}\n1,2,3,0.5\n2,3,4,-1\n3,4,5,0\n")
    return ["predict", run, str(path)]


# Weights.


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def _flip_header(path: Path, place: Place) -> None:
    content = bytearray(path.read_bytes())
    content[8:40] = bytes(byte ^ 0xFF for byte in content[8:40])
    path.write_bytes(content)


def _tensors(change: Callable[[str, torch.Tensor], torch.Tensor]) -> Callable[[Path, Place], None]:
    def spoil(path: Path, place: Place) -> None:
        save_file({name: change(name, value) for name, value in load_file(path).items()}, path)

    return spoil


def _link(path: Path, place: Place) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _fifo(path: Path, place: Place) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path, place: Place) -> None:
    path.unlink()
    path.mkdir()


def _flipped_number(path: Path, place: Place) -> None:
    """Change one weight, which only the hash in the record can tell."""
    record = path.with_name("record.json")
    known = json.loads(record.read_text())
    known["files"] = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    record.write_text(json.dumps(known))
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


WEIGHTS: dict[str, Callable[[Path, Place], None]] = {
    "empty": lambda path, place: path.write_bytes(b""),
    "cut off": lambda path, place: path.write_bytes(path.read_bytes()[:-7]),
    "cut in the header": lambda path, place: path.write_bytes(path.read_bytes()[:20]),
    "header flipped": _flip_header,
    "header of an exabyte": lambda path, place: path.write_bytes(struct.pack("<Q", 2**60) + path.read_bytes()[8:]),
    "noise": lambda path, place: path.write_bytes(rng_of("weights").bytes(5000)),
    "appended to": lambda path, place: path.write_bytes(path.read_bytes() + b"more"),
    "a pickle": lambda path, place: path.write_bytes(pickle.dumps(Payload(place.ran))),
    "a pickle of torch": lambda path, place: torch.save({"weights": Payload(place.ran)}, path),
    "missing": lambda path, place: path.unlink(),
    "a folder": _folder,
    "a pipe": _fifo,
    "an endless device": _link,
    "of other shapes": _tensors(lambda name, value: torch.cat([value, value])),
    "of another type": _tensors(lambda name, value: value.double()),
    "of whole numbers": _tensors(lambda name, value: value.int()),
    "not finite": _tensors(lambda name, value: torch.full_like(value, float("nan"))),
    "infinite": _tensors(lambda name, value: torch.full_like(value, float("inf"))),
    "of no tensors": lambda path, place: save_file({}, path),
    "of other names": lambda path, place: save_file({f"x.{k}": v for k, v in load_file(path).items()}, path),
    "with one more": lambda path, place: save_file(load_file(path) | {"more": torch.zeros(3)}, path),
    "one number flipped": _flipped_number,
    "of another run": lambda path, place: path.write_bytes(
        (place.runs / (place.bias if path.parent.name == place.dlrm else place.dlrm) / path.name).read_bytes()
    ),
}


# Records.

RECORD_TEXTS: dict[str, tuple[bytes | str, str]] = {
    kind: (text, "record")
    for kind, text in {
        "cut off": '{"id": "x", "config": {',
        "a list": "[1, 2]",
        "a text": '"id config metrics"',
        "a number": "7",
        "null": "null",
        "no JSON": "id: x",
        "noise": rng_of("record").bytes(2000),
        "bytes that are no UTF-8": b'{"id": "\xff"}',
        "UTF-16": '{"id": "x"}'.encode("utf-16"),
        "NULs": "\0" * 50,
        "lists without end": "[" * 100_000,
        "objects without end": '{"a":' * 100_000,
        "a number of 5000 digits": f'{{"id": {"9" * 5000}}}',
        "an object without keys": "{}",
        "NaN": '{"id": NaN, "config": NaN, "metrics": NaN, "finished_at": NaN}',
    }.items()
}
RECORD_KEYS = ("id", "config", "metrics", "data", "code", "cost", "rows", "bytes", "uses", "seed", "finished_at")
DEEP: Any = 0
for _ in range(100):
    DEEP = {"a": DEEP}
RECORD_CHANGES: list[tuple[str, Any]] = [
    ("id", "another"),
    ("id", "../../x"),
    ("id", None),
    ("id", ["a"]),
    ("config", []),
    ("config", "text"),
    ("config", {}),
    ("config", DEEP),
    ("config.model", None),
    ("config.model", []),
    ("config.model", {}),
    ("config.model._target_", "os.system"),
    ("config.model._target_", "builtins.eval"),
    ("config.model._target_", "cadc.paths.os.system"),
    ("config.model._target_", "cadc.pipeline.Path"),
    ("config.model._target_", 7),
    ("config.model._target_", {"os": "system"}),
    ("config.model.command", "touch x"),
    ("config.data._target_", "subprocess.Popen"),
    ("config.data._target_", "cadc.errors.CadcError"),
    ("config.data.n_rows", "many"),
    ("config.data.n_rows", float("inf")),
    ("config.data.split", None),
    ("config.data.split._target_", "os.system"),
    ("config.data.split.test", 7),
    ("config.data.split_seed", "x"),
    ("config.seed", "x"),
    ("config.seed", 10**400),
    ("config.seed", None),
    ("config.unknown", 1),
    ("config.choices", "text"),
    ("metrics", []),
    ("metrics", {"test/auc": "good"}),
    ("metrics", {"test/auc": float("nan"), "test/logloss": 1.0}),
    ("metrics", {}),
    ("data", 5),
    ("data.content_hash", None),
    ("data.name", "two\nlines"),
    ("cost.total_s", "long"),
    ("rows.kept", -1),
    ("bytes.embedding", 1.5),
    ("uses", "model"),
    ("code.hash", 5),
]


def _writing(text: bytes | str) -> Callable[[Path, Place], None]:
    data = text if isinstance(text, bytes) else text.encode()
    return lambda path, place: path.write_bytes(data)


def _changing(key: str, value: Any) -> Callable[[Path, Place], None]:
    def spoil(path: Path, place: Place) -> None:
        record = node = json.loads(path.read_text())
        *parents, last = key.split(".")
        for part in parents:
            node = node[part]
        node[last] = value
        path.write_text(json.dumps(record))

    return spoil


def _removing(key: str) -> Callable[[Path, Place], None]:
    def spoil(path: Path, place: Place) -> None:
        record = json.loads(path.read_text())
        del record[key]
        path.write_text(json.dumps(record))

    return spoil


def _of_run(name: str, damage: Callable[[Path, Place], None], file: str, named: str) -> Case:
    """A file of a run, chosen by turns, read by scoring or by exporting it."""

    def spoil(place: Place) -> list[str]:
        choice = rng_of(name)
        run = place.bias if choice.random() < 0.5 else place.dlrm
        words = predict(place, run) if choice.random() < 0.5 else ["export", run, "--output", str(place.work / "out")]
        damage(place.runs / run / file, place)
        return words

    return Case(name, spoil, named, "runs")


def _report(name: str, text: bytes | str, named: str) -> Case:
    def spoil(place: Place) -> list[str]:
        folder = place.work / "results" / "quickstart"
        folder.mkdir(parents=True)
        (folder / "records.jsonl").write_bytes(text if isinstance(text, bytes) else text.encode())
        return ["report", "quickstart"]

    return Case(name, spoil, named)


# Rows to be scored.


def _parquet(**columns: Any) -> Callable[[Path], Path]:
    def spoil(path: Path) -> Path:
        path = path.with_suffix(".parquet")
        pd.DataFrame(columns).to_parquet(path)
        return path

    return spoil


def _csv(text: bytes | str, suffix: str = ".csv") -> Callable[[Path], Path]:
    def spoil(path: Path) -> Path:
        path = path.with_suffix(suffix)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return spoil


def _made(make: Callable[[Path], object]) -> Callable[[Path], Path]:
    def spoil(path: Path) -> Path:
        make(path)
        return path

    return spoil


ROWS: dict[str, Callable[[Path], Path]] = {
    "empty": _csv(""),
    "no header": _csv("1,2,3,0.5\n"),
    "a folder": _made(Path.mkdir),
    "missing": lambda path: path,
    "a pipe": _made(os.mkfifo),
    "an endless device": _made(lambda path: path.symlink_to("/dev/zero")),
    "NaN": _csv(f"{HEADER}\n1,2,3,nan\n"),
    "infinite": _csv(f"{HEADER}\n1,2,3,1e400\n"),
    "letters": _csv(f"{HEADER}\n1,2,3,x\n"),
    "a column too many": _csv(f"{HEADER}\n1,2,3,1\n1,2,3,4,5\n"),
    "an open quote": _csv(f'{HEADER}\n1,2,3,"1\n'),
    "UTF-16": _csv(f"{HEADER}\n1,2,3,1\n".encode("utf-16")),
    "compressed": _csv(gzip.compress(f"{HEADER}\n1,2,3,1\n".encode()), ".csv.gz"),
    "a bomb": _csv(gzip.compress(b"1,2,3,4\n" * 2_000_000), ".csv.gz"),
    "noise": _csv(rng_of("rows").bytes(3000)),
    "Parquet that is none": _csv("PAR1 PAR1", ".parquet"),
    "Parquet of noise": _csv(b"PAR1" + rng_of("parquet").bytes(500) + b"PAR1", ".parquet"),
    "Parquet of a pickle": _csv(pickle.dumps([1, 2]), ".parquet"),
    "Parquet of lists": _parquet(user=[[1, 2]], item=[[3]], hour=[1], recency=[0.5]),
    "Parquet of texts": _parquet(user=[1], item=[3], hour=[1], recency=["much"]),
    "Parquet of other columns": _parquet(x=[1]),
}


def _rows(name: str, make: Callable[[Path], Path]) -> Case:
    def spoil(place: Place) -> list[str]:
        return ["predict", place.bias, str(make(place.work / "rows.csv"))]

    return Case(name, spoil, "rows.", "runs")


# The cache. Sizes stay, or the stage is taken for cut off and simply made again.


def _same_size(change: Callable[[bytearray], None]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        content = bytearray(path.read_bytes())
        size = len(content)
        change(content)
        assert len(content) == size
        path.write_bytes(content)

    return spoil


def _fill(start: int, stop: int | None, byte: int) -> Callable[[Path], None]:
    def change(content: bytearray) -> None:
        part = range(*slice(start, stop).indices(len(content)))
        content[part.start : part.stop] = bytes([byte]) * len(part)

    return _same_size(change)


def _swap(old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(content: bytearray) -> None:
        assert old in content
        content[:] = content.replace(old, new, 1)

    return _same_size(change)


PREPARED, FACTORS = "prepared/*", "factors/*"
NOISE = rng_of("cache").bytes(1 << 16)


def _noise(path: Path) -> None:
    path.write_bytes((NOISE * (path.stat().st_size // len(NOISE) + 1))[: path.stat().st_size])


CACHE: dict[str, tuple[str, Callable[[Path], None]]] = {
    "meta.json of NULs": (f"{PREPARED}/meta.json", _fill(0, None, 0)),
    "meta.json of noise": (f"{PREPARED}/meta.json", _noise),
    "meta.json without its end": (f"{PREPARED}/meta.json", _fill(-50, None, 32)),
    "meta.json without rows": (f"{PREPARED}/meta.json", _swap(b'"rows"', b'"sowr"')),
    "meta.json without a schema": (f"{PREPARED}/meta.json", _swap(b'"schema"', b'"scheme"')),
    "meta.json with a field of a path": (f"{PREPARED}/meta.json", _swap(b'"age"', b'"../"')),
    "meta.json with a side of its own": (f"{PREPARED}/meta.json", _swap(b'"bag"', b'"gab"')),
    "meta.json with other counts": (f"{PREPARED}/meta.json", _swap(b'"train": 2', b'"train": 9')),
    "meta.json with another content": (f"{PREPARED}/meta.json", _swap(b'"content_hash": "', b'"content_hash": 7')),
    "header of item_ids.npy": (f"{PREPARED}/item_ids.npy", _fill(12, 40, 33)),
    "objects in user_ids.npy": (f"{PREPARED}/user_ids.npy", _swap(b"'<i4'", b"'|O' ")),
    "user_ids.npy of noise": (f"{PREPARED}/user_ids.npy", _noise),
    "ids in user_ids.npy": (f"{PREPARED}/user_ids.npy", _fill(200, 400, 0x7F)),
    "ids below zero in item_ids.npy": (f"{PREPARED}/item_ids.npy", _fill(200, 400, 0xFF)),
    "bags of items": (f"{PREPARED}/item_bag_tags.npy", _fill(200, 260, 0x7F)),
    "bounds of bags": (f"{PREPARED}/item_bag_tags_offsets.npy", _fill(200, 260, 0x7F)),
    "bounds below zero": (f"{PREPARED}/item_bag_tags_offsets.npy", _fill(200, 260, 0xFF)),
    "vocabulary of users": (f"{PREPARED}/vocabulary_hour.parquet", _fill(-12, None, 0)),
    "vocabulary of noise": (f"{PREPARED}/vocabulary_hour.parquet", _noise),
    "keys of users": (f"{PREPARED}/entities_user.parquet", _noise),
    "keys of items": (f"{PREPARED}/entities_item.parquet", _fill(-200, -8, 0xAA)),
    "factors of noise": (f"{FACTORS}/factors.safetensors", _noise),
    "header of factors": (f"{FACTORS}/factors.safetensors", _fill(0, 8, 0xFF)),
    "factors that are not finite": (f"{FACTORS}/factors.safetensors", _fill(-400, None, 0xFF)),
    "factors of another field": (f"{FACTORS}/factors.safetensors", _swap(b"vectors.user", b"vectors.xser")),
    "cost of noise": (f"{FACTORS}/cost.json", _noise),
    "cost of texts": (f"{FACTORS}/cost.json", _swap(b'"seconds"', b'"sounds" ')),
}


COLUMNS = ("user.npy", "item.npy")
"""Read by describing the log, which scoring new rows does not ask for."""
for _column in COLUMNS:
    CACHE |= {
        f"header of {_column}": (f"{PREPARED}/{_column}", _fill(0, 8, 0)),
        f"{_column} of noise": (f"{PREPARED}/{_column}", _noise),
        f"{_column} of other numbers": (f"{PREPARED}/{_column}", _swap(b"'<i4'", b"'<f4'")),
        f"{_column} of another length": (f"{PREPARED}/{_column}", _swap(b"(3000,)", b"(2999,)")),
        f"users and items that are not there in {_column}": (f"{PREPARED}/{_column}", _fill(200, 400, 0x7F)),
        f"rows below zero in {_column}": (f"{PREPARED}/{_column}", _fill(-200, None, 0xFF)),
    }


def _cache(name: str, pattern: str, damage: Callable[[Path], None]) -> Case:
    def spoil(place: Place) -> list[str]:
        paths = list(place.cache.glob(pattern))
        assert paths
        for path in paths:
            damage(path)
        if pattern.endswith(COLUMNS):
            return ["data", "describe", "synthetic", *TINY[1:4]]
        return predict(place, place.dlrm)

    named = "prepared" if pattern.startswith(PREPARED) else "factors"
    return Case(name, spoil, named, "runs")
