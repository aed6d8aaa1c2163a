"""Hashes of the files of parts, no two of which may be the same."""

from collections.abc import Mapping
from pathlib import Path

from cadc.data.files.places import TableFiles
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
    found = {part: own_hash(path) for part, path in files.items()}
    require_different(found, files)
    return found


def require_different(hashes: Mapping[str, str], places: Mapping[str, Path | TableFiles]) -> None:
    """Raise a DataError if two parts have the same content.

    Parameters
    ----------
    hashes : SHA-256 of the content of each part.
    places : where each part is, for the message.
    """
    seen = set[str]()
    for part, own in hashes.items():
        if own in seen:
            place = places[part]
            raise DataError(
                f"{place if isinstance(place, Path) else place.path}, the file of the {part} part, has the content of "
                "another part's file; give each part rows of its own."
            )
        seen.add(own)
