"""Files that appear whole or not at all: written aside, flushed to disk and renamed."""

import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path

NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


def write_file(
    path: Path, content: str | bytes | Callable[[Path], object], *, replace: bool = True, durable: bool = True
) -> None:
    """Write one file, so that readers see all of its content or none, and never a mixture of old and new.

    Parameters
    ----------
    path : file to write; its folder must exist.
    content : text (written as UTF-8), bytes, or a function that writes the file under the path that it is given.
    replace : whether an existing file is replaced.
    durable : whether the content has reached the disk when this returns, so that it survives a power cut.

    Raises
    ------
    FileExistsError : if the file exists and must not be replaced.
    OSError : if the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_file(Path(folder) / "a.txt", "whole")
    ...     [(file.name, file.read_text()) for file in Path(folder).iterdir()]
    [('a.txt', 'whole')]
    """
    aside = path.with_name(f".partial-{secrets.token_hex(8)}")
    try:
        # Made here, so that no link of this name is followed.
        os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))
        if callable(content):
            content(aside)
        else:
            aside.write_bytes(content.encode() if isinstance(content, str) else content)
        if durable:
            flush(aside)
        if replace:
            aside.replace(path)
        else:
            _rename_to_new(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _rename_to_new(aside: Path, path: Path) -> None:
    """Give a file its name; raise FileExistsError if the name is taken."""
    try:
        os.link(aside, path)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        # This file system has no hard links: reserve the name, then fill it.
        path.touch(exist_ok=False)
        aside.replace(path)


def flush(path: Path) -> None:
    """Have the system write a file or folder to disk, so that a power cut does not leave a name without content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Not every file system can flush folders; a full disk may be reported only here.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def is_about(error: OSError, folder: Path) -> bool:
    """Tell whether an error raised while writing to a folder concerns that folder.

    >>> is_about(PermissionError(13, "Permission denied", "/elsewhere/file"), Path("/cache"))
    False
    """
    # A full disk shows when bytes are written; such an error does not know the name of the file.
    if error.filename is None:
        return True
    path = Path(os.fsdecode(error.filename))
    # Errors raised while a folder's content is removed hold names only.
    return not path.is_absolute() or path.is_relative_to(folder)


def umask() -> int:
    """Return the bits that new files of this process lack."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
