"""Writing under a lease: what a process writes takes its name only while the process holds the lease.

A process may be stopped at any moment for so long that another one takes over, and go on then. So whatever it writes,
replaces or removes is moved from or into a folder of its own beside the lease, and the lease is checked just before.
Whoever takes over first ends the other lease, then removes that folder, and only then begins: a late process either
moved its work before that, or finds nothing to move, and ends with `Lost`. It never meets a file of its successor.

What cannot be prevented: both write the same file one after the other, the late one first. Its content is the same.
"""

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cadc.errors import Lost
from cadc.storage.asides import make, remove
from cadc.storage.atomic_files import flush, umask
from cadc.storage.lease import Lease

TRIES = 5


@contextmanager
def fenced(lease: Lease) -> Iterator[None]:
    """Raise Lost in place of any error that comes of a lease that was lost."""
    try:
        yield
    except Lost:
        raise
    except Exception as error:
        if lease.is_held():
            raise
        raise lease.lost() from error


def put_file(lease: Lease, path: Path, content: str | Callable[[Path], object], *, durable: bool = True) -> None:
    """Write one file, on the disk of the lease; an existing one is replaced.

    Parameters
    ----------
    lease : held by this process.
    path : file to write; its folder must exist.
    content : text (written as UTF-8), or a function that writes the file under the path that it is given.
    durable : whether the content has reached the disk when this returns, so that it survives a power cut.

    Raises
    ------
    Lost : if the lease was lost.
    OSError : if the file cannot be written.
    """
    aside = lease.aside()
    with fenced(lease):
        try:
            if callable(content):
                content(aside)
            else:
                aside.write_text(content)
            if durable:
                flush(aside)
            lease.require_held()
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)


def put_folder(lease: Lease, folder: Path, build: Callable[[Path], None], replace: bool = False) -> None:
    """Fill a new folder and give it its name, so that others see all of it or nothing.

    Parameters
    ----------
    lease : held by this process.
    folder : folder to write. If it is there and is not to be replaced, it stays: its content is the same.
    build : writes the content into the empty folder that it is given.
    replace : whether an existing folder is replaced.

    Raises
    ------
    Lost : if the lease was lost.
    OSError : if the folder cannot be written.
    """
    # Named before it exists, so that Ctrl-C between the two leaves nothing behind.
    aside = lease.aside()
    new, old = aside / "new", aside / "old"
    with fenced(lease):
        try:
            aside.mkdir(mode=0o700)
            new.mkdir(mode=0o700)
            build(new)
            _open_and_flush(new)
            lease.require_held()
            if replace and os.path.lexists(folder):
                folder.rename(old)
            try:
                new.rename(folder)
            except OSError:
                with suppress(OSError):
                    old.rename(folder)
                if not folder.is_dir():
                    raise
            flush(folder.parent)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def put_empty_folder(lease: Lease, folder: Path) -> None:
    """Make a folder, on the disk of the lease, unless it is there; the folder above it must exist.

    Raises
    ------
    Lost : if the lease was lost.
    OSError : if the folder cannot be made.
    """
    if not folder.is_dir():
        put_folder(lease, folder, lambda aside: None)


def discard(lease: Lease, path: Path) -> None:
    """Remove a file or folder, on the disk of the lease; it may be missing.

    Raises
    ------
    Lost : if the lease was lost; nothing is removed then.
    OSError : if it cannot be removed.
    """
    aside = lease.aside()
    with fenced(lease):
        try:
            aside.mkdir(mode=0o700)
            lease.require_held()
            if os.path.lexists(path):
                path.rename(aside / "old")
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def clear(lease: Lease) -> None:
    """Remove the folder of a lease, and release it; the lease goes last, so that nobody claims half a folder.

    A process that has lost the lease removes nothing.
    """
    aside, emptied = lease.aside(), False
    with suppress(OSError):
        emptied = _empty(lease, aside)
    lease.release()
    if emptied:
        _remove_folder(lease.folder)


def _empty(lease: Lease, aside: Path) -> bool:
    """Remove what is in the folder of a lease but the lease; return False if it was lost."""
    is_made = make(aside)
    try:
        others = [path for path in lease.folder.iterdir() if path not in (aside, lease.path)]
        if not lease.is_held():
            return False
        for number, path in enumerate(others):
            if is_made:
                path.rename(aside / str(number))
            else:
                remove(path)
        return True
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _remove_folder(folder: Path) -> None:
    """Remove a folder if it is empty; whoever looks at its lease just now may have a file there for a moment."""
    for _ in range(TRIES):
        try:
            folder.rmdir()
            return
        except OSError as error:
            if error.errno != errno.ENOTEMPTY or any(path.name.startswith("lease-") for path in folder.glob("*")):
                return
            time.sleep(0.01)


def _open_and_flush(folder: Path) -> None:
    """Give a folder and its files the modes that the umask allows, and have them written to disk."""
    mask = umask()
    folder.chmod(0o777 & ~mask)
    for file in filter(Path.is_file, folder.rglob("*")):
        # safetensors creates files that only their owner can read.
        file.chmod(0o666 & ~mask)
        flush(file)
