"""Files that a run was unpacked without: its weights, which tables and comparisons do not read."""

import json
from pathlib import Path

from cadc.storage.run_files import LEFT_OUT, MODEL

MAY_BE_LEFT_OUT = (MODEL,)
"""Names of the files that a run may lack; a file that names others excuses nothing."""


def write_left_out(folder: Path, names: list[str]) -> None:
    """Note in the folder of a run which of its files it was unpacked without."""
    (folder / LEFT_OUT).write_text(json.dumps(sorted(names)))


def left_out_of(folder: Path) -> set[str]:
    """Return the names of the files that the run in a folder was unpacked without, whoever noted them."""
    path = folder / LEFT_OUT
    try:
        names = json.loads(path.read_text()) if path.is_file() and not path.is_symlink() else []
    except (OSError, ValueError, RecursionError):
        return set()
    return {name for name in MAY_BE_LEFT_OUT if isinstance(names, list) and name in names}
