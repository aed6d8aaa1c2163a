"""Reads the record of a run."""

import json
from pathlib import Path
from typing import Any

from cadc.errors import CadcError
from cadc.paths import regular_file
from cadc.pipeline.schema_version import SCHEMA_VERSION

Record = dict[str, Any]

REQUIRED = ("id", "config", "metrics")
"""Keys of every record."""


def read_record(path: Path, advice: str | None = None) -> Record:
    """Return the record in a file.

    Parameters
    ----------
    path : of the file.
    advice : what to do if it is no record; None for that of a run's own file.

    Raises
    ------
    CadcError : if the file cannot be read, is not a record, or was written by a newer version of cadc.
    """
    try:
        record = json.loads(regular_file(path).read_text())
        if not isinstance(record, dict):
            raise ValueError("it is not an object")
        missing = [key for key in REQUIRED if key not in record]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise CadcError(f"{path} is not a record ({error}); {advice or 'delete its folder and run again'}.") from error
    version = record.get("schema_version", 1)
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise CadcError(
            f"{path} has the schema version {version!r}, but this cadc reads versions up to {SCHEMA_VERSION}; "
            "install a newer one."
        )
    return record
