"""Files and folders that appear whole or not at all: written aside, flushed and renamed."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


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
