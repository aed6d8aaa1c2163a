"""Files of leases: which there are in a folder, what they say, and whether their holders live."""

import json
import os
import re
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cadc.errors import UsageError
from cadc.storage.process import machine, start_time

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


def number(path: Path) -> int:
    """Return the number of a lease."""
    return int(path.name.partition("-")[2])


def leases(folder: Path) -> list[Path]:
    """Return the leases in a folder, by number; none if there is no such folder."""
    try:
        return sorted((path for path in folder.iterdir() if NAME.fullmatch(path.name)), key=number)
    except (FileNotFoundError, NotADirectoryError):
        return []


def read(path: Path) -> dict[str, Any] | None:
    """Return what a lease file says of its holder, or None if it cannot be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def is_alive(path: Path) -> bool:
    """Tell whether the holder of a lease lives, as far as this machine can see."""
    content = read(path)
    if content is None:
        return age(path) < seconds_to_live()
    if content.get("released"):  # by an earlier version
        return False
    return lives(content) if content.get("machine") == machine() else age(path) < seconds_to_live()


def lives(content: Mapping[str, Any]) -> bool:
    """Tell whether a process that a lease names is one of this machine and lives."""
    is_here = content.get("machine") == machine()
    return is_here and start_time(content.get("process", 0)) == content.get("started")


def age(path: Path) -> float:
    """Return the seconds since a lease was last touched, both times by the clock of the file system."""
    try:
        with path.open("rb") as file, tempfile.TemporaryFile(dir=path.parent) as now:
            return os.fstat(now.fileno()).st_mtime - os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return float("inf")
    except OSError:
        # Nothing can be written here, so this machine's clock has to do.
        return time.time() - path.stat().st_mtime if path.exists() else float("inf")
