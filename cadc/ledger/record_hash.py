"""A record's hash of itself, so that a changed byte in it is noticed like one in any other file of its run."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEY = "record_hash"
"""Last key of a sealed record: SHA-256 of the text that it has without this key and without times.

Equal runs have equal hashes, on whichever machine of a kind and however often they were interrupted.
"""

TIMES = ("finished_at", "ended_at", "examples_per_s", "peak_rss_mb")
"""Beside the costs that end in `_s`: what differs whenever the same is done again."""


LOOKUP = "lookup_ns"
"""The one that stands among what is said of tables."""


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
    return hashlib.sha256(_text(without_times(_unsealed(record))).encode()).hexdigest()


def is_intact(content: bytes) -> bool:
    """Tell whether these are, byte by byte, the bytes of a record as it was sealed.

    >>> is_intact(b'{"id": "x"}')
    False
    """
    record = json.loads(content)
    # What its hash leaves open, such as spaces and keys that stand there twice, comparing the text does not.
    return record.get(KEY) == record_hash(record) and content == _text(record).encode()


def without_times(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with null for what differs whenever the same run is carried out again: times, speed, memory."""
    kept = {key: None if key in TIMES else value for key, value in record.items()}
    if isinstance(cost := kept.get("cost"), Mapping):
        kept["cost"] = {key: None if key in TIMES or key.endswith("_s") else value for key, value in cost.items()}
    if isinstance(tables := kept.get("tables"), Mapping):
        kept["tables"] = {key: None if key == LOOKUP else value for key, value in tables.items()}
    return kept


def _unsealed(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != KEY}


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=1)
