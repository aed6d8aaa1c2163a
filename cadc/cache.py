"""The cache of stages: folders named after a hash of what made them, written aside and renamed when whole."""

import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cadc.paths import cache_dir

SIZES = "sizes.json"
"""Beside the content of a cached folder: the size of each file, since a full disk can cut one off."""

STAGES = ("downloads", "raw", "prepared", "factors")


def cached_folder(stage: str, key: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of a stage's result, and have `build` fill it first if it is not there.

    Parameters
    ----------
    stage : one of `STAGES`.
    key : hash of all that the content depends on.
    build : writes the content into the empty folder that it is given.
    """
    folder = cache_dir() / stage / key
    if folder.is_dir() and not _is_whole(folder):
        shutil.rmtree(folder)
    if not folder.is_dir():
        write_folder(folder, lambda aside: _build_with_sizes(aside, build))
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


def write_folder(folder: Path, build: Callable[[Path], None]) -> None:
    """Fill a temporary folder beside `folder` and rename it, so that others see all of it or nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder.parent)
    aside = Path(tempfile.mkdtemp(prefix=f"{_partial_prefix()}{os.getpid()}-", dir=folder.parent))
    try:
        build(aside)
        aside.chmod(0o777 & ~_umask())
        for file in filter(Path.is_file, aside.rglob("*")):
            # safetensors writes files that only their owner reads.
            file.chmod(0o666 & ~_umask())
        try:
            aside.rename(folder)
        except OSError:
            # Another process was first; both results are the same.
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def put_in_place(folder: Path, build: Callable[[Path], None]) -> None:
    """Let `build` make files aside and move them into `folder`, so that files that belong together change together."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as name:
        build(Path(name))
        for file in Path(name).iterdir():
            file.replace(folder / file.name)


def _partial_prefix() -> str:
    """Return how partial folders of this machine's processes start; the folder may be shared with other machines."""
    return f".partial-{re.sub('[^A-Za-z0-9]', '', platform.node())}-"


def _remove_leftovers(parent: Path) -> None:
    """Remove the partial folders of processes of this machine that were killed."""
    for path in parent.glob(f"{_partial_prefix()}*"):
        process = path.name.removeprefix(_partial_prefix()).partition("-")[0]
        if process.isdecimal() and not _is_alive(int(process)):
            shutil.rmtree(path, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


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
