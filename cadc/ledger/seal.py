"""A record's hash of itself, so that a changed byte in it is noticed like one in any other file of its run."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEY = "record_hash"
"""Last key of a sealed record: SHA-256 of the text that it has without this key."""


def seal(path: Path) -> None:
    """Add its hash to the record in this file; a file that holds no object stays as it is."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return
    if isinstance(record, dict):
        path.write_text(_text(_unsealed(record) | {KEY: record_hash(record)}))


def record_hash(record: Mapping[str, Any]) -> str:
    """Return the hash that a record carries when it is sealed."""
    return hashlib.sha256(_text(_unsealed(record)).encode()).hexdigest()


def is_intact(content: bytes) -> bool:
    """Tell whether these are, byte by byte, the bytes of a record as it was sealed.

    >>> is_intact(b'{"id": "x"}')
    False
    """
    record = json.loads(content)
    # What its hash leaves open, such as spaces and keys that stand there twice, comparing the text does not.
    return record.get(KEY) == record_hash(record) and content == _text(record).encode()


def _unsealed(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != KEY}


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=1)
