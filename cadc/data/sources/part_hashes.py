"""Hashes of the files of parts, no two of which may be the same."""

from collections.abc import Mapping
from pathlib import Path

from cadc.data.text import unreadable
from cadc.errors import DataError
from cadc.paths import regular_file
from cadc.provenance.fingerprint import file_hash


def own_hash(path: Path) -> str:
    """Return the SHA-256 of a user's file, or raise a DataError if it cannot be read."""
    try:
        return file_hash(regular_file(path))
    except OSError as error:
        raise unreadable(path, error) from error


def part_hashes(files: Mapping[str, Path]) -> dict[str, str]:
    """Return the SHA-256 of each part's file.

    Raises
    ------
    DataError : if a file cannot be read, or two parts have the same content.
    """
    found: dict[str, str] = {}
    for part, path in files.items():
        own = own_hash(path)
        if own in found.values():
            raise DataError(
                f"{path}, the file of the {part} part, has the content of another part's file; give each part rows "
                "of its own."
            )
        found[part] = own
    return found
