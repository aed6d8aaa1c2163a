"""Leases: which process works on something, in a folder that processes of several machines may share.

A lease is a file `lease-N` that is linked into place whole, and touched while its holder lives. A process that finds
the newest lease released or dead claims `lease-N+1`; only one process can create that name, so no two hold the same
thing. The file system must offer atomic creation, renaming and modification times, and nothing else (NFS does).
"""

import json
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, overload

from cadc.errors import UsageError
from cadc.storage.atomic_files import write_file
from cadc.storage.process import machine, start_time, this_process

NAME = re.compile(r"lease-(\d+)")


def seconds_to_live() -> float:
    """Return the seconds without a sign of life after which a holder on another machine counts as dead.

    They are those of `$CADC_LEASE_SECONDS`, 90 if it is not set.

    Raises
    ------
    UsageError : if the variable holds no number of seconds, at least 1.
    """
    text = os.environ.get("CADC_LEASE_SECONDS") or "90"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds < float("inf"):
        raise UsageError(f"CADC_LEASE_SECONDS is {text!r}; expected a number of seconds, at least 1.")
    return seconds


class Lease:
    """A claim that is held until it is released, at the latest at the end of a `with` block; made by `claim`.

    Parameters
    ----------
    path : file of this claim.
    token : random text in that file, which no other claim's file holds.
    """

    def __init__(self, path: Path, token: str) -> None:
        self.path = path
        self.token = token
        self._ended = threading.Event()
        self._pulse = threading.Thread(target=self._beat, args=(seconds_to_live() / 6,), daemon=True)
        self._pulse.start()

    def _beat(self, interval: float) -> None:
        while not self._ended.wait(interval):
            # The folder may be out of reach for a moment; the next beat that succeeds counts.
            with suppress(OSError):
                os.utime(self.path)

    def is_held(self) -> bool:
        """Tell whether this process still holds the lease; a machine that slept may have lost it meanwhile."""
        # If the folder was removed and made anew, another claim's file may have the same name.
        content = _read(self.path)
        return content is not None and content.get("token") == self.token and _newest(self.path.parent) == self.path

    def release(self) -> None:
        """Release the lease; its folder may be gone already."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._pulse.join()
        with suppress(OSError):
            if self.is_held():
                try:
                    write_file(self.path, json.dumps({"released": True}), durable=False)
                except OSError:
                    # The disk is full: a file that cannot be read and gives no sign of life counts as dead.
                    os.truncate(self.path, 0)
                    os.utime(self.path, (0, 0))

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


MAX_MISSING = 1000
"""Attempts to make a folder below one that is missing; others remove such folders, but never so often in a row."""


def claim(folder: Path) -> Lease | None:
    """Claim the lease of a folder; return None while another living process holds it.

    Parameters
    ----------
    folder : holds the lease files; made if it does not exist.

    Raises
    ------
    OSError : if the folder cannot be written.
    UsageError : if `$CADC_LEASE_SECONDS` is not a number of seconds.
    """
    seconds_to_live()  # raises before anything is written
    token = secrets.token_hex(8)
    n_missing = 0
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileNotFoundError:
            n_missing += 1
            if n_missing == MAX_MISSING:
                raise
            continue  # the folder above was removed just now
        newest = _newest(folder)
        if newest is not None and _is_alive(newest):
            return None
        number = int(NAME.fullmatch(newest.name)[1]) + 1 if newest else 0  # type: ignore[index]
        path = folder / f"lease-{number}"
        try:
            write_file(path, json.dumps(this_process() | {"token": token}), replace=False, durable=False)
        except FileExistsError:
            continue  # another was faster
        except FileNotFoundError:
            continue  # the folder was removed, as happens when the work is done
        if _newest(folder) != path:
            # Meanwhile others claimed the lease and cleared the folder: this number is an old one.
            path.unlink(missing_ok=True)
            continue
        for older in _leases(folder):
            if _number(older) < number:
                older.unlink(missing_ok=True)
        return Lease(path, token)


def clear(folder: Path) -> None:
    """Remove a folder whose lease this process holds; the lease goes last, so that nobody claims half a folder."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif not NAME.fullmatch(path.name):
                path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


@overload
def wait_for(folder: Path) -> Lease: ...
@overload
def wait_for(folder: Path, seconds: float) -> Lease | None: ...
def wait_for(folder: Path, seconds: float = float("inf")) -> Lease | None:
    """Claim the lease of a folder, and wait for up to `seconds` while another living process holds it.

    Return None if it is still held then.
    """
    ends = time.monotonic() + seconds
    pause = 0.01
    while (lease := claim(folder)) is None:
        if time.monotonic() > ends:
            return None
        time.sleep(pause)
        pause = min(2 * pause, 1.0)
    return lease


def holder(folder: Path) -> dict[str, Any] | None:
    """Return what the lease of a folder says of its living holder (`host`, `process`, …), or None if there is none."""
    newest = _newest(folder)
    return _read(newest) if newest is not None and _is_alive(newest) else None


def _number(path: Path) -> int:
    return int(path.name.partition("-")[2])


def _leases(folder: Path) -> list[Path]:
    try:
        return sorted((path for path in folder.iterdir() if NAME.fullmatch(path.name)), key=_number)
    except OSError:
        return []


def _newest(folder: Path) -> Path | None:
    return next(reversed(_leases(folder)), None)


def _read(path: Path) -> dict[str, Any] | None:
    """Return what a lease file says of its holder, or None if it cannot be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _is_alive(path: Path) -> bool:
    content = _read(path)
    if content is None:
        return _age(path) < seconds_to_live()
    if content.get("released"):
        return False
    if content.get("machine") == machine():
        return start_time(content.get("process", 0)) == content.get("started")
    return _age(path) < seconds_to_live()


def _age(path: Path) -> float:
    """Return the seconds since a lease was last touched, both times by the clock of the file system."""
    try:
        with path.open("rb") as file, tempfile.TemporaryFile(dir=path.parent) as now:
            return os.fstat(now.fileno()).st_mtime - os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return float("inf")
    except OSError:
        # Nothing can be written here, so this machine's clock has to do.
        return time.time() - path.stat().st_mtime
