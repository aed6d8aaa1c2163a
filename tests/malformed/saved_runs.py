"""What a run left on disk, damaged: its weights and its record; and records committed with results."""

import hashlib
import json
import os
import pickle
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from cadc.ledger.record_hash import sealed
from tests.malformed import Case, Place, predict, rng_of

RUNS = {"bias": ("model=bias",), "dlrm": ("initializer=mf", "logger=none")}


def cases() -> Iterator[Case]:
    """Every damaged file of a run, with the command that reads it."""
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
    record.write_text(json.dumps(sealed(known), indent=1))
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
    ("config.model._target_", "cadc.pipeline.run.Path"),
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
