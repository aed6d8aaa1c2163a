"""Leases: which process works on something, in a folder that processes of several machines may share.

A lease is a file `lease-N` that is linked into place whole, and touched while its holder lives. A process that finds
every lease of the folder dead links the next number, looks again, and withdraws if another one lives. Who stays removes
the dead ones: a process holds its lease as long as its file is there. A holder that was stopped for too long, and goes
on, finds out so; `cadc.storage.under_lease` keeps it from writing. The file system must offer atomic creation,
renaming and modification times, and nothing else (NFS does).
"""

import json
import os
import secrets
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, overload

from cadc.errors import Lost
from cadc.storage.asides import ASIDE, make, sweep
from cadc.storage.atomic_files import write_file
from cadc.storage.lease_files import is_alive, leases, number, read, seconds_to_live
from cadc.storage.process import this_process
from cadc.terminal.interrupts import interrupts_held_back


class Lease:
    """A claim that is held until it is released, at the latest at the end of a `with` block; made by `claim`.

    Parameters
    ----------
    path : file of this claim.
    token : random text in that file, which no other claim's file holds.
    what : what is held, for messages.
    """

    def __init__(self, path: Path, token: str, what: str) -> None:
        self.path = path
        self.folder = path.parent
        self.token = token
        self.what = what
        self._ended = threading.Event()
        self._pulse = threading.Thread(target=self._beat, args=(seconds_to_live() / 6,), daemon=True)
        self._pulse.start()

    def _beat(self, interval: float) -> None:
        while not self._ended.wait(interval):
            # The folder may be out of reach for a moment; the next beat that succeeds counts.
            with suppress(OSError):
                if self.is_held():  # or the file may be another claim's
                    os.utime(self.path)

    def is_held(self) -> bool:
        """Tell whether this process still holds the lease; a machine that slept may have lost it meanwhile."""
        # If the folder was removed and made anew, another claim's file may have the same name.
        content = read(self.path)
        return content is not None and content.get("token") == self.token

    def require_held(self) -> None:
        """Raise Lost if another process has taken over, or may have."""
        if not self.is_held():
            raise self.lost()

    def lost(self) -> Lost:
        """Return the error of a process that no longer holds this lease."""
        return Lost(f"another process took over {self.what}, because this process gave no sign of life.")

    def aside(self) -> Path:
        """Return a name in the folder of the lease that no other process uses, and that the next holder removes."""
        return self.folder / f"{ASIDE}{self.token}-{secrets.token_hex(4)}"

    def stop(self) -> None:
        """Give no more signs of life, as for a lease whose file was removed."""
        self._ended.set()
        self._pulse.join()

    def release(self) -> None:
        """Release the lease; its folder may be gone already.

        Ctrl-C waits meanwhile: a process that goes on, such as a notebook, would hold what it no longer works on.
        """
        if not self._ended.is_set():
            with interrupts_held_back():
                self._release()

    def _release(self) -> None:
        self.stop()
        aside = self.aside()
        with suppress(OSError):
            is_made = make(aside)
            if self.is_held():
                if is_made:
                    self.path.rename(aside / self.path.name)
                else:
                    self.path.unlink()
        shutil.rmtree(aside, ignore_errors=True)

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


MAX_MISSING = 1000
"""Attempts to make a folder below one that is missing; others remove such folders, but never so often in a row."""


def claim(folder: Path, what: str = "") -> Lease | None:
    """Claim the lease of a folder; return None while another living process holds it.

    What earlier holders were writing is removed from the folder.

    Parameters
    ----------
    folder : holds the lease files; made if it does not exist.
    what : what is claimed, for messages; empty for the name of the folder.

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
        except (FileNotFoundError, FileExistsError):
            # It, or the folder above it, was removed just now.
            n_missing += 1
            if n_missing == MAX_MISSING:
                raise
            continue
        found = leases(folder)
        if any(map(is_alive, found)):
            return None
        path = folder / f"lease-{number(found[-1]) + 1 if found else 0}"
        try:
            write_file(path, json.dumps(this_process() | {"token": token}), replace=False, durable=False)
        except (FileExistsError, FileNotFoundError):
            continue  # another was faster, or the folder was removed, as happens when the work is done
        lease = Lease(path, token, what or folder.name)
        try:
            if _takes_over(lease):
                return lease
        except BaseException:
            lease.release()
            raise
        # This process looked at the folder so long ago that its number is no longer the next one, or was stopped since.
        lease.release()


def _takes_over(lease: Lease) -> bool:
    """Remove dead leases, and what their holders were writing; return False if another one lives, or this is lost.

    Of two processes that take over at once at most one stays, since each looks after it has linked its own lease.
    """
    aside = lease.aside()
    try:
        aside.mkdir()
        others = [path for path in leases(lease.folder) if path != lease.path]
        if any(map(is_alive, others)):
            return False
        for other in others:
            # Moved, not removed: if this process was stopped meanwhile, the folder to move it to is gone, and `other`
            # may be the name of a later lease.
            with suppress(FileNotFoundError):
                other.rename(aside / other.name)
        sweep(lease.folder, lease.is_held, aside)
    except FileNotFoundError:
        return False  # the folder was removed
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return lease.is_held()


@overload
def wait_for(folder: Path, *, what: str = "") -> Lease: ...
@overload
def wait_for(folder: Path, seconds: float, what: str = "") -> Lease | None: ...
def wait_for(folder: Path, seconds: float = float("inf"), what: str = "") -> Lease | None:
    """Claim the lease of a folder, and wait for up to `seconds` while another living process holds it.

    Return None if it is still held then.
    """
    ends = time.monotonic() + seconds
    pause = 0.01
    while (lease := claim(folder, what)) is None:
        if time.monotonic() > ends:
            return None
        time.sleep(pause)
        pause = min(2 * pause, 1.0)
    return lease


def holder(folder: Path) -> dict[str, Any] | None:
    """Return what the lease of a folder says of its living holder (`host`, `process`, …), or None if there is none."""
    with suppress(OSError):
        return next((read(path) or {} for path in reversed(leases(folder)) if is_alive(path)), None)
    return None
