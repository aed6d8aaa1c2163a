"""Marks of what was mirrored, a small file each, so that nothing is sent twice."""

import json
import re
from pathlib import Path
from typing import Any


def plain(name: str) -> str:
    """Return a name with only what every file system and wandb allow in one."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)


class Marks:
    """What was mirrored to one place.

    Parameters
    ----------
    folder : of the marks; made when the first is set.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str) -> dict[str, Any] | None:
        """Return what was noted when this was mirrored, or None if it was not."""
        try:
            found = json.loads((self.folder / plain(name)).read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def write(self, name: str, note: dict[str, Any]) -> None:
        """Note that this was mirrored."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / plain(name)).write_text(json.dumps(note) + "\n")
