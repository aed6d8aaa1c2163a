"""What a holder of a lease is writing, or removing, in the folder of the lease, under names that say whose it is."""

import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ASIDE = ".partial-"
"""Beginning of the names of what is being written."""
GONE = ".gone-"
"""Beginning of the names of what is being removed."""


def make(aside: Path) -> bool:
    """Make a folder; return False if there is no room for one.

    Raises
    ------
    FileNotFoundError : if the folder above it is gone.
    """
    try:
        aside.mkdir(mode=0o700)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True


def sweep(folder: Path, is_held: Callable[[], bool], own: Path) -> None:
    """Remove what earlier holders were writing, so that they can no longer rename it.

    Parameters
    ----------
    folder : of the lease.
    is_held : tells whether this process still holds it.
    own : what stays.
    """
    left = [entry for entry in folder.iterdir() if entry.name.startswith((ASIDE, GONE)) and entry != own]
    # If it is still held now, none of those names is a later holder's, whenever they come to be removed.
    if is_held():
        for entry in left:
            remove(entry)


def remove(entry: Path) -> None:
    """Remove a file or folder at once, even if another process is writing to it."""
    gone = entry.with_name(f"{GONE}{secrets.token_hex(8)}")
    with suppress(OSError):
        entry.rename(gone)
    for path in (gone, entry):  # a full disk may not allow the other name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
