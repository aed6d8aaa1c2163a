"""Rows to be scored that are none: no table, of other columns, with values that are no numbers."""

import gzip
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tests.malformed import HEADER, Case, Place, rng_of


def cases() -> Iterator[Case]:
    """Every faulty file of rows, with the command that scores them."""
    for kind, spoil in ROWS.items():
        yield _rows(f"rows: {kind}", spoil)


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
    "compressed and cut off": _csv(gzip.compress(f"{HEADER}\n1,2,3,1\n".encode())[:-9], ".csv.gz"),
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
