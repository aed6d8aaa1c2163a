"""The cache of stages: folders named after a hash of everything that their content depends on."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cadc.errors import NotWritable, reason
from cadc.paths import cache_dir
from cadc.storage.atomic_files import is_about, write_folder
from cadc.storage.lease import Lease, clear, holder, wait_for

SIZES = "sizes.json"
"""File beside the content of a cached folder that holds the size of each other file; a full disk can truncate one."""

STAGES = ("downloads", "raw", "prepared", "factors", "scores")


def cached_folder(stage: str, key: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of a stage's result; if it is missing or damaged, have `build` fill it first.

    Of several processes that ask for it, one builds it and the others wait.

    Parameters
    ----------
    stage : one of `STAGES`.
    key : hash of everything that the content depends on.
    build : writes the content into the empty folder that it is given.

    Raises
    ------
    NotWritable : if the cache folder is full or read-only.
    """
    folder = cache_dir() / stage / key
    if not _is_whole(folder):
        try:
            build_once(folder, lambda aside: _build_with_sizes(aside, build), _is_whole)
        except OSError as error:
            if not is_about(error, cache_dir()):
                raise
            raise NotWritable(
                f"{stage} data cannot be written to the cache {cache_dir()} ({reason(error)}); make room or make it "
                "writable, or set CADC_CACHE to another folder."
            ) from error
    return folder


def _build_with_sizes(folder: Path, build: Callable[[Path], None]) -> None:
    build(folder)
    (folder / SIZES).write_text(json.dumps({file.name: file.stat().st_size for file in folder.iterdir()}))


def _is_whole(folder: Path) -> bool:
    """Tell whether every file exists and has the size that it was written with."""
    try:
        sizes: dict[str, int] = json.loads((folder / SIZES).read_text())
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def build_once(folder: Path, build: Callable[[Path], None], is_there: Callable[[Path], bool] = Path.is_dir) -> None:
    """Have `build` fill `folder` unless another process has done so; wait for a process that is doing it.

    Parameters
    ----------
    folder : folder to fill; a damaged one is replaced.
    build : writes the content into the empty folder that it is given.
    is_there : tells whether the folder holds what it should.

    Raises
    ------
    OSError : if the folder cannot be written.
    """
    workplace = folder.parent / f".building-{folder.name}"
    with _claim(workplace):
        try:
            if not is_there(folder):
                if folder.exists():
                    shutil.rmtree(folder)
                write_folder(folder, workplace, build)
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
