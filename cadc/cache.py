"""The cache of stages: folders named after a hash of what made them, written aside and renamed when whole."""

import errno
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cadc.errors import NotWritable
from cadc.lease import Lease, clear, holder, wait_for
from cadc.paths import cache_dir

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


def is_about(error: OSError, folder: Path) -> bool:
    """Tell whether writing to a folder failed, of an error raised while that was done."""
    # A full disk shows when bytes are written, where the error no longer knows the name of the file.
    if error.filename is None:
        return True
    path = Path(os.fsdecode(error.filename))
    # Where a folder's content is removed, names stand alone.
    return not path.is_absolute() or path.is_relative_to(folder)


def reason(error: OSError) -> str:
    """Return in a few words what the system refused."""
    return (os.strerror(error.errno) if error.errno else str(error)).lower()


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


def write_folder(folder: Path, workplace: Path, build: Callable[[Path], None], replace: bool = False) -> None:
    """Fill a new folder inside `workplace` and rename it to `folder`, so that others see all of it or nothing.

    Parameters
    ----------
    folder : if another process put it there meanwhile, its content, which is the same, stays.
    workplace : of whoever holds its lease; partial folders of holders before are removed from it.
    build : writes the content into the empty folder that it is given.
    replace : whether the new folder takes the place of one that is there.
    """
    for left in workplace.glob(".partial-*"):
        shutil.rmtree(left, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(prefix=".partial-", dir=workplace))
    try:
        build(aside)
        aside.chmod(0o777 & ~_umask())
        for file in filter(Path.is_file, aside.rglob("*")):
            # safetensors writes files that only their owner reads.
            file.chmod(0o666 & ~_umask())
            flush(file)
        if replace and folder.exists():
            folder.rename(aside.with_name(f"{aside.name}-before"))
        try:
            aside.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
        flush(folder.parent)
        shutil.rmtree(aside.with_name(f"{aside.name}-before"), ignore_errors=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def flush(path: Path) -> None:
    """Have the system write a file or folder out, so that a power cut does not leave a name without content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Not every file system can do it for folders; a full disk may say so only here.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def put_in_place(folder: Path, build: Callable[[Path], None]) -> None:
    """Let `build` make files aside and move them into `folder`, so that files that belong together change together."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as name:
        build(Path(name))
        for file in Path(name).iterdir():
            file.replace(folder / file.name)


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
