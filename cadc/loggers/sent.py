"""Notes of what was sent, a small file each, so that nothing is sent twice."""

import json
import re
from pathlib import Path
from typing import Any

from cadc.storage.atomic_files import write_file


def safe_name(name: str) -> str:
    """Return a name with other characters than letters, digits, `.`, `_` and `-` replaced, as wandb demands.

    >>> safe_name("MF alone (0.1)")
    'MF-alone--0.1-'
    """
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)


class SentNotes:
    """Notes of what was sent to one place.

    Parameters
    ----------
    folder : of the notes; created with the first.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str) -> dict[str, Any] | None:
        """Return the note that was written when this was sent; None if it was not sent."""
        try:
            found = json.loads((self.folder / safe_name(name)).read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def write(self, name: str, note: dict[str, Any]) -> None:
        """Note that this was sent."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_file(self.folder / safe_name(name), json.dumps(note) + "\n", durable=False)
