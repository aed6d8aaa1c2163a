"""Manifests of cached folders: the SHA-256 of every file, written with the files and checked before they are read.

A folder is hashed once in a process, and again if the system says that a file has changed since. Nothing is remembered
between processes: a disk that loses bits changes no time of a file.
"""

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

from cadc.errors import reason, shown

MANIFEST = "manifest.json"

_Signature = tuple[tuple[str, int, int, int, int, int], ...]
_whole: dict[tuple[Path, str], _Signature] = {}
"""What the system said of the files of each folder, by folder and entry, when they were last found to be whole."""


def write_manifest(folder: Path, entry: str, data: str = "") -> None:
    """Write the manifest of all files in a folder.

    Parameters
    ----------
    folder : the folder, without sub-folders.
    entry : name of what it holds, so that two folders whose names were exchanged are noticed.
    data : name of the data set that it was made of, for who looks at the cache; empty if it is not known.
    """
    files = {file.name: {"bytes": file.stat().st_size, "sha256": _hash(file)} for file in sorted(folder.iterdir())}
    (folder / MANIFEST).write_text(json.dumps({"entry": entry, "data": data, "files": files}, indent=1))


def fault(folder: Path, entry: str) -> str:
    """Return what a folder has that differs from its manifest; empty if it is whole.

    Parameters
    ----------
    folder, entry : as given to `write_manifest`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = (Path(name) / "label.npy").write_bytes(b"0101")
    ...     write_manifest(Path(name), "prepared/a")
    ...     before = fault(Path(name), "prepared/a")
    ...     _ = (Path(name) / "label.npy").write_bytes(b"1010")
    ...     before, fault(Path(name), "prepared/a")
    ('', 'label.npy has other bytes than were written')
    """
    try:
        signature = _signature(folder)
        if _whole.get((folder, entry)) == signature:
            return ""
        found = _fault(folder, entry, signature)
        # What changed while it was hashed is hashed again when it is asked for next.
        if not found and _signature(folder) == signature:
            _whole[folder, entry] = signature
    except OSError as error:
        return f"{Path(error.filename or folder).name} cannot be read: {reason(error)}"
    return found


def damaged_since() -> list[str]:
    """Return what is wrong with folders that were whole when this process opened them; each fault is told once.

    A folder that was removed is none: what was opened of it stays readable.
    """
    found = []
    for folder, entry in list(_whole):
        if folder.is_dir() and (wrong := fault(folder, entry)):
            del _whole[folder, entry]
            found.append(f"{folder} is damaged ({wrong})")
    return found


def _fault(folder: Path, entry: str, signature: _Signature) -> str:
    present = {name for name, *_ in signature}
    if MANIFEST not in present:
        return f"it has no {MANIFEST}"
    try:
        manifest = json.loads(_open(folder / MANIFEST))
        files: dict[str, Any] = manifest["files"]
        if manifest["entry"] != entry:
            return f"it is that of {shown(manifest['entry'])}"
        expected = {str(name): (known["bytes"], known["sha256"]) for name, known in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"{MANIFEST} is not what was written"
    if missing := sorted(set(expected) - present):
        return f"{shown(missing[0])} is missing"
    if more := sorted(present - set(expected) - {MANIFEST}):
        return f"{shown(more[0])} is not a part of it"
    for name, (size, value) in sorted(expected.items()):
        if (folder / name).lstat().st_size != size:
            return f"{name} has another size than was written"
        if _hash(folder / name) != value:
            return f"{name} has other bytes than were written"
    return ""


def _signature(folder: Path) -> _Signature:
    """Return what the system knows of the files of a folder; whoever writes to one changes its last time."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            state = entry.stat(follow_symlinks=False)
            found.append((entry.name, state.st_mode, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns))
    return tuple(sorted(found))


def _descriptor(file: Path) -> int:
    """Open a regular file; a link is not followed, and a pipe not waited for."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(None, "it is not a regular file", str(file))
    return descriptor


def _open(file: Path) -> bytes:
    with os.fdopen(_descriptor(file), "rb") as opened:
        return opened.read()


def _hash(file: Path) -> str:
    with os.fdopen(_descriptor(file), "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
