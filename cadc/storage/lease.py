"""Leases: which process works on something, in a folder that processes of several machines may share.

A lease is a file `lease-N` that is linked into place whole and touched while its holder lives. Whoever finds the
newest one released or dead claims `lease-N+1`; only one can create that name, so no two hold the same thing.
Nothing but atomic creation, renaming and modification times is asked of the file system (NFS has them).
"""

import errno
import json
import os
import platform
import re
import secrets
import shutil
import tempfile
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, overload

from cadc.errors import UsageError

NAME = re.compile(r"lease-(\d+)")


def seconds_to_live() -> float:
    """Return after how many seconds without a sign of life a holder elsewhere counts as dead: `$CADC_LEASE_SECONDS`."""
    text = os.environ.get("CADC_LEASE_SECONDS") or "90"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds < float("inf"):
        raise UsageError(f"CADC_LEASE_SECONDS is {text!r}; it must be a number of seconds, at least 1.")
    return seconds


class Lease:
    """A claim that is held; released at the end of a `with` block.

    Parameters
    ----------
    path : the file of this claim; see `claim`.
    token : that the file holds, and no other claim's file.
    """

    def __init__(self, path: Path, token: str) -> None:
        self.path = path
        self.token = token
        self._ended = threading.Event()
        self._pulse = threading.Thread(target=self._beat, args=(seconds_to_live() / 6,), daemon=True)
        self._pulse.start()

    def _beat(self, interval: float) -> None:
        while not self._ended.wait(interval):
            # The folder may be away for a moment; what counts is the next beat that succeeds.
            with suppress(OSError):
                os.utime(self.path)

    def is_held(self) -> bool:
        """Tell whether nobody took this for dead and claimed it, which a machine that slept finds out here."""
        # Where its folder was removed and made anew, another's file may have its name.
        content = _read(self.path)
        return content is not None and content.get("token") == self.token and _newest(self.path.parent) == self.path

    def release(self) -> None:
        """Give it back; the folder may be gone already."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._pulse.join()
        with suppress(OSError):
            if self.is_held():
                try:
                    _put(self.path, {"released": True}, replace=True)
                except OSError:
                    # A full disk: what cannot be read and gives no sign of life counts as dead.
                    os.truncate(self.path, 0)
                    os.utime(self.path, (0, 0))

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def claim(folder: Path) -> Lease | None:
    """Claim what a folder stands for; None while another living process holds it.

    Parameters
    ----------
    folder : of the leases, made if it is not there.

    Raises
    ------
    OSError : where the folder cannot be written.
    """
    seconds_to_live()  # what is wrong with it is said before anything is written
    token = secrets.token_hex(8)
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileNotFoundError:
            continue  # the folder above was taken away just now
        newest = _newest(folder)
        if newest is not None and _is_alive(newest):
            return None
        number = int(NAME.fullmatch(newest.name)[1]) + 1 if newest else 0  # type: ignore[index]
        path = folder / f"lease-{number}"
        try:
            _put(path, _holder() | {"token": token})
        except FileExistsError:
            continue  # another was faster
        except FileNotFoundError:
            continue  # the folder was taken away, as it is when the work is done
        if _newest(folder) != path:
            # While we looked, others claimed, went on and tidied up: ours is an old number.
            path.unlink(missing_ok=True)
            continue
        for older in _leases(folder):
            if _number(older) < number:
                older.unlink(missing_ok=True)
        return Lease(path, token)


def clear(folder: Path) -> None:
    """Remove a folder whose lease is held; the lease goes last, so that nobody claims what is half removed."""
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
    """Claim what a folder stands for; while another living process holds it, wait up to so many seconds."""
    ends = time.monotonic() + seconds
    pause = 0.01
    while (lease := claim(folder)) is None:
        if time.monotonic() > ends:
            return None
        time.sleep(pause)
        pause = min(2 * pause, 1.0)
    return lease


def holder(folder: Path) -> dict[str, Any] | None:
    """Return host and process of the living holder of what a folder stands for, if there is one."""
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
    """Return who holds a lease; nothing where that cannot be read."""
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
    if content.get("machine") == _machine():
        return _started(content.get("process", 0)) == content.get("started")
    return _age(path) < seconds_to_live()


def _age(path: Path) -> float:
    """Return seconds since the last sign of life, both times by the clock of the file system."""
    try:
        with path.open("rb") as file, tempfile.TemporaryFile(dir=path.parent) as now:
            return os.fstat(now.fileno()).st_mtime - os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return float("inf")
    except OSError:
        # Where nothing can be written, our own clock has to do.
        return time.time() - path.stat().st_mtime


def _put(path: Path, content: dict[str, Any], replace: bool = False) -> None:
    """Write a file that appears whole; without `replace`, raise FileExistsError where the name is taken."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file)
        if replace:
            Path(name).replace(path)
            return
        try:
            os.link(name, path)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                raise
            # No hard links here: reserve the name, then fill it.
            path.touch(exist_ok=False)
            Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _holder() -> dict[str, Any]:
    process = os.getpid()
    return {
        "host": platform.node(),
        "machine": _machine(),
        "process": process,
        "started": _started(process),
    }


@cache
def _machine() -> str:
    """Return what processes that can see each other's numbers have in common: host, boot and process namespace."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _started(process: int) -> str | None:
    """Return when a process of this machine started, so that its number used anew is not taken for it."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return "alive"  # a system that tells no starting times
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]
