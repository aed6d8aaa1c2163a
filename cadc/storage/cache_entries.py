"""What the cache of stages holds: the size and age of each entry, and the data set that it was made of."""

import json
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadc.paths import cache_dir
from cadc.storage.asides import remove
from cadc.storage.lease import claim
from cadc.storage.manifest import MANIFEST
from cadc.storage.under_lease import clear

BUILDING = ".building-"
"""Beginning of the name of the folder in which a process makes an entry."""

MAKING = {
    "downloads": "downloading",
    "raw": "downloading",
    "prepared": "preparing data",
    "factors": "factorising",
    "views": "fitting views",
    "scores": "scoring rows",
    "coherence": "measuring coherence",
}
"""What a process does while it makes an entry of a stage, or waits for one that does."""

STAGES = tuple(MAKING)

META = "meta.json"
"""What a prepared log says of itself."""


@dataclass(frozen=True)
class Entry:
    """One cached folder, or a downloaded file.

    Parameters
    ----------
    stage : such as `prepared`.
    key : name of the folder or file.
    path : where it lies.
    size : bytes on disk.
    made_at : when it was last changed, in seconds since 1970.
    data : name of the data set that it was made of; empty if it is not known.
    n_rows : of a prepared log; None for other entries.
    """

    stage: str
    key: str
    path: Path
    size: int
    made_at: float
    data: str = ""
    n_rows: int | None = None


def entries(stages: Sequence[str] = STAGES) -> Iterator[Entry]:
    """Yield everything that the cache holds of some stages, including leftovers of killed processes."""
    for stage in stages:
        for path in sorted((cache_dir() / stage).glob("*")):
            files = path.rglob("*") if path.is_dir() else [path]
            states = [state for file in (path, *files) if (state := _state(file)) is not None]
            size = sum(state.st_size for state in states[1:] if stat.S_ISREG(state.st_mode))
            made_at = max((state.st_mtime for state in states), default=0.0)
            n_rows = _n_rows(path) if stage == "prepared" else None
            data = path.stem if stage in ("downloads", "raw") else data_name(path)
            yield Entry(stage, path.name, path, size, made_at, data, n_rows)


def data_name(folder: Path) -> str:
    """Return the name of the data set that an entry is made of, as the entry says; empty if it does not."""
    for file, key in ((META, "name"), (MANIFEST, "data")):
        if isinstance(found := _read(folder / file).get(key), str):
            return found
    return ""


def _n_rows(folder: Path) -> int | None:
    rows = _read(folder / META).get("rows")
    numbers = [*rows.values()] if isinstance(rows, dict) else []
    return sum(numbers) if numbers and all(isinstance(number, int) for number in numbers) else None


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _state(file: Path) -> Any:
    try:
        return file.lstat()
    except OSError:  # it was removed just now
        return None


def discard_entry(entry: Entry) -> bool:
    """Remove an entry; return False, and leave it, if a process is making it."""
    if entry.key.startswith(BUILDING):
        lease = claim(entry.path)
        if lease is None:
            return False
        clear(lease)
    else:
        remove(entry.path)
    return True
