"""The cache of stages: folders named after a hash of everything that their content depends on."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cadc.errors import NotWritable, is_lack, reason
from cadc.paths import cache_dir
from cadc.storage.atomic_files import is_about, write_folder
from cadc.storage.lease import Lease, clear, holder, wait_for
from cadc.storage.manifest import fault, write_manifest

STAGES = ("downloads", "raw", "prepared", "factors", "scores")


def cached_folder(stage: str, key: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of a stage's result; if it is missing or damaged, have `build` fill it first.

    Every file is compared with the SHA-256 that it was written with, once in a process; what is damaged is made again,
    and standard error says so. Of several processes that ask for it, one builds it and the others wait.

    Parameters
    ----------
    stage : one of `STAGES`.
    key : hash of everything that the content depends on, or the name of a data set.
    build : writes the content into the empty folder that it is given.

    Raises
    ------
    NotWritable : if the cache folder is full or read-only.
    """
    folder, entry = cache_dir() / stage / key, f"{stage}/{key}"
    if not fault(folder, entry):
        return folder
    try:
        _build_once(folder, entry, build)
    except OSError as error:
        if not (is_lack(error) and is_about(error, cache_dir())):
            raise
        raise NotWritable(
            f"{stage} data cannot be written to the cache {cache_dir()} ({reason(error)}); make room or make it "
            "writable, or set CADC_CACHE to another folder."
        ) from error
    return folder


def _build_with_manifest(folder: Path, entry: str, build: Callable[[Path], None]) -> None:
    build(folder)
    write_manifest(folder, entry)


def _build_once(folder: Path, entry: str, build: Callable[[Path], None]) -> None:
    """Have `build` fill `folder` unless another process has done so; wait for a process that is doing it."""
    workplace = folder.parent / f".building-{folder.name}"
    with _claim(workplace):
        try:
            if found := fault(folder, entry):
                is_there = os.path.lexists(folder)
                if is_there:
                    print(f"{folder} is damaged ({found}) and is made again", file=sys.stderr, flush=True)
                write_folder(
                    folder, workplace, lambda aside: _build_with_manifest(aside, entry, build), replace=is_there
                )
        finally:
            # While the lease is held: a waiting process then makes the workplace anew and checks the folder.
            clear(workplace)


def _claim(workplace: Path) -> Lease:
    """Claim a workplace; after two seconds of waiting, tell the user which process it waits for."""
    lease = wait_for(workplace, 2.0)
    if lease is None:
        other = holder(workplace) or {}
        print(
            f"waiting for process {other.get('process')} on {other.get('host')}, which makes {workplace.parent.name} "
            f"{workplace.name.removeprefix('.building-')}",
            file=sys.stderr,
            flush=True,
        )
        lease = wait_for(workplace)
    return lease


@dataclass(frozen=True)
class Entry:
    """One cached folder, or a downloaded file.

    Parameters
    ----------
    stage : one of `STAGES`.
    key : name of the folder or file.
    path : where it lies.
    size : bytes on disk.
    """

    stage: str
    key: str
    path: Path
    size: int


def entries() -> Iterator[Entry]:
    """Yield everything that the cache holds, including leftovers of killed processes."""
    for stage in STAGES:
        for path in sorted((cache_dir() / stage).glob("*")):
            files = path.rglob("*") if path.is_dir() else [path]
            yield Entry(stage, path.name, path, sum(file.stat().st_size for file in files if file.is_file()))
