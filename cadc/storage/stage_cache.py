"""The cache of stages: folders named after a hash of what made them, written aside and renamed when whole."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cadc.errors import NotWritable
from cadc.paths import cache_dir
from cadc.storage.atomic_files import is_about, reason, write_folder
from cadc.storage.lease import Lease, clear, holder, wait_for

SIZES = "sizes.json"
"""Beside the content of a cached folder: the size of each file, since a full disk can cut one off."""

STAGES = ("downloads", "raw", "prepared", "factors", "scores")


def cached_folder(stage: str, key: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of a stage's result, and have `build` fill it first if it is not there.

    Of several processes that want it, one builds it and the others wait.

    Parameters
    ----------
    stage : one of `STAGES`.
    key : hash of all that the content depends on.
    build : writes the content into the empty folder that it is given.

    Raises
    ------
    NotWritable : where the cache takes no more.
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
    """Tell whether every file is there in the size that it was written with."""
    try:
        sizes: dict[str, int] = json.loads((folder / SIZES).read_text())
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def build_once(folder: Path, build: Callable[[Path], None], is_there: Callable[[Path], bool] = Path.is_dir) -> None:
    """Have `build` fill `folder`, unless another process does or did; that one is waited for.

    Parameters
    ----------
    folder : wanted; what is there and not right is replaced.
    build : writes the content into the empty folder that it is given.
    is_there : tells whether the folder holds what it should.
    """
    workplace = folder.parent / f".building-{folder.name}"
    with _wait_for(workplace):
        try:
            if not is_there(folder):
                if folder.exists():
                    shutil.rmtree(folder)
                write_folder(folder, workplace, build)
        finally:
            # While it is held: who waits makes it anew and looks whether the folder is there.
            clear(workplace)


def _wait_for(workplace: Path) -> Lease:
    """Claim a workplace; who waits for long is told for whom."""
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
    size : bytes on disk.
    """

    stage: str
    key: str
    path: Path
    size: int


def entries() -> Iterator[Entry]:
    """Yield what the cache holds, leftovers of killed processes included."""
    for stage in STAGES:
        for path in sorted((cache_dir() / stage).glob("*")):
            files = path.rglob("*") if path.is_dir() else [path]
            yield Entry(stage, path.name, path, sum(file.stat().st_size for file in files if file.is_file()))
