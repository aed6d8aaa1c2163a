"""Files that a user names: written whole, through links, and never in the place of a pipe, a device or a folder."""

import errno
import os
import re
import secrets
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cadc.errors import CadcError, NotWritable, UsageError, is_lack, reason
from cadc.storage.atomic_files import flush, umask

DESCRIPTORS = {"-": 1, "/dev/stdout": 1, "/dev/stderr": 2}
"""Names of the standard streams; `-` is standard output, as for other commands."""
DESCRIPTOR = re.compile(r"/(?:dev|proc/self|proc/thread-self)/fd/(\d+)")
MAX_LINKS = 40
"""Links in a row, after which Linux gives up as well."""

Content = str | bytes | Callable[[Path], object]


def check_output(path: Path) -> None:
    """Raise a UsageError if a file that a user names cannot be written; called before the work begins.

    Examples
    --------
    >>> check_output(Path("/"))
    Traceback (most recent call last):
    cadc.errors.UsageError: / cannot be written: it is a folder; name a file.
    """
    try:
        fault = _fault(_behind_links(path))
    except OSError as error:
        fault = f"{reason(error)}; choose another file"
    if fault:
        raise UsageError(f"{path} cannot be written: {fault}.")


def check_output_folder(folder: Path) -> None:
    """Raise a UsageError if a folder that a user names is something else, or cannot be written."""
    existing = next((place for place in (folder, *folder.absolute().parents) if os.path.lexists(place)), folder)
    if not existing.is_dir():
        raise UsageError(f"{folder} cannot be written: {existing} is not a folder; choose another.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UsageError(f"{folder} cannot be written: {existing} is read-only; choose another.")


def write_output(path: Path, content: Content) -> None:
    """Write a file that a user names.

    A regular file is replaced once the new one is whole, and keeps its mode; a link stays, and the file behind it is
    written. A pipe, a terminal or another character device receives the bytes, as do `-` and `/dev/stdout`.

    Parameters
    ----------
    path : file to write.
    content : text (written as UTF-8), bytes, or a function that writes the file under the path that it is given.

    Raises
    ------
    UsageError : if it is a folder, a socket or a block device, or is in no folder.
    NotWritable : if the disk is full or the folder is read-only.
    """
    check_output(path)
    try:
        place = _behind_links(path)
        if isinstance(place, int) or _kind(place) not in (None, stat.S_IFREG):
            _send(place, content)
        else:
            _replace(place, content)
    except BrokenPipeError:
        raise
    except OSError as error:
        kind = NotWritable if is_lack(error) else CadcError
        raise kind(f"{path} cannot be written ({reason(error)}); choose another file.") from error


def put_in_place(folder: Path, build: Callable[[Path], None]) -> None:
    """Let `build` write files into an empty folder, then move them into `folder` one after the other.

    Files that belong together thus change together, as far as a file system allows; other files in `folder` stay.

    Parameters
    ----------
    folder : made if it does not exist.
    build : writes the files into the empty folder that it is given.

    Raises
    ------
    UsageError : if the folder cannot be written.
    OSError : if a file cannot be written, or its name is taken by a folder, a socket or a block device.
    """
    check_output_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as name:
        build(Path(name))
        files = sorted(Path(name).iterdir())
        for file in files:
            flush(file)
            _require_place(folder / file.name)
        for file in files:
            place = folder / file.name
            if _kind(place) not in (None, stat.S_IFREG):
                write_output(place, file.read_bytes())
                continue
            with suppress(FileNotFoundError):
                file.chmod(stat.S_IMODE(place.lstat().st_mode))
            file.replace(place)


def check_new_folder(folder: Path) -> None:
    """Raise a UsageError if a folder that a user names holds something, or cannot be written."""
    check_output_folder(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; name a new folder, or empty this one.")


def put_new_folder(folder: Path, build: Callable[[Path], None]) -> None:
    """Let `build` write files into a folder that appears whole or not at all.

    Parameters
    ----------
    folder : must not exist, or be empty.
    build : writes the files into the empty folder that it is given.

    Raises
    ------
    UsageError : if the folder holds something, or cannot be written.
    NotWritable : if the disk is full or the folder is read-only.
    CadcError : if the system refuses otherwise.
    """
    check_new_folder(folder)
    place = folder.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".partial-") as name:
            aside = Path(name) / "whole"
            aside.mkdir()
            build(aside)
            for file in aside.iterdir():
                flush(file)
            aside.rename(place)
    except OSError as error:
        kind = NotWritable if is_lack(error) else CadcError
        raise kind(f"{folder} cannot be written ({reason(error)}); choose another folder.") from error


def _require_place(path: Path) -> None:
    """Raise an OSError if a file cannot take this name, which is not of the user's choosing."""
    try:
        check_output(path)
    except UsageError as error:
        number = errno.EISDIR if path.is_dir() else errno.EEXIST
        raise OSError(number, os.strerror(number), str(path)) from error


def remove_output(path: Path) -> None:
    """Remove a file of an earlier result; a link, a pipe or a device stays."""
    if _kind(path) == stat.S_IFREG:
        path.unlink(missing_ok=True)


def _replace(place: Path, content: Content) -> None:
    """Write a file beside `place`, under a name that nobody can guess, and rename it."""
    # The suffix tells writers how to compress.
    aside = place.with_name(f".partial-{secrets.token_hex(8)}{place.suffix[-16:]}")
    mode = stat.S_IMODE(place.lstat().st_mode) if _kind(place) else 0o666 & ~umask()
    try:
        # Only its owner can read it until it is whole; it may replace a file that only its owner can read.
        os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        _fill(aside, content)
        aside.chmod(mode)
        flush(aside)
        aside.replace(place)
    finally:
        aside.unlink(missing_ok=True)


def _send(place: Path | int, content: Content) -> None:
    """Write to what cannot be replaced, once the whole content is there."""
    with tempfile.TemporaryDirectory() as folder:
        suffix = place.suffix if isinstance(place, Path) else ""
        file = Path(folder) / f"content{suffix}"
        _fill(file, content)
        if isinstance(place, int):
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
            descriptor = os.dup(place)
        else:
            descriptor = os.open(place, os.O_WRONLY | os.O_NOCTTY)
        with os.fdopen(descriptor, "wb") as target:
            target.write(file.read_bytes())


def _fill(file: Path, content: Content) -> None:
    if callable(content):
        content(file)
    else:
        file.write_bytes(content.encode() if isinstance(content, str) else content)


def _behind_links(path: Path) -> Path | int:
    """Return the file that a path leads to through links, or the number of an open descriptor of this process."""
    for _ in range(MAX_LINKS):
        if (name := str(path)) in DESCRIPTORS:
            return DESCRIPTORS[name]
        if found := DESCRIPTOR.fullmatch(name):
            return int(found[1])
        if not path.is_symlink():
            return path
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def _kind(path: Path) -> int | None:
    """Return the kind of a node, such as `stat.S_IFREG`; None if there is none."""
    try:
        return stat.S_IFMT(path.lstat().st_mode)
    except FileNotFoundError:
        return None


def _fault(place: Path | int) -> str:
    """Return why a file cannot be written, and what to do; empty if it can."""
    if isinstance(place, int):
        os.fstat(place)  # raises an OSError if it is not open
        return ""
    kind = _kind(place)
    if kind in (stat.S_IFIFO, stat.S_IFCHR):
        return "" if os.access(place, os.W_OK) else "it is read-only; choose another file"
    if kind == stat.S_IFDIR:
        return "it is a folder; name a file"
    if kind not in (None, stat.S_IFREG):
        return "it is neither a file nor a pipe; name a file"
    if not place.parent.is_dir():
        return f"{place.parent} is not a folder; make it, or choose another"
    if not os.access(place.parent, os.W_OK | os.X_OK):
        return f"{place.parent} is read-only; choose another folder"
    return ""
