"""The hashes that a record has of itself, so that a change of the record is detected like that of any other file."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEY = "record_hash"
"""Key of a sealed record: SHA-256 of the record without its hashes and without times.

Equal runs have equal hashes on all machines of a kind, however often they were interrupted.
"""

SEAL = "seal"
"""Last key of a sealed record or `provenance.json`: SHA-256 of all that precedes it, times included.

Records of schema versions before 5 have none, so that a change of a time in them is not noticed.
"""

TIMES = ("finished_at", "ended_at", "examples_per_s", "peak_rss_mb", "energy_kwh")
"""Keys that differ whenever a run is repeated, besides costs that end in `_s`."""

LOOKUP = "lookup_ns"
"""The one of these keys that is in the part `tables`."""


def seal(path: Path) -> None:
    """Add both hashes to the record in a file; a file that is not a JSON object is left as it is."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return
    if isinstance(record, dict):
        path.write_text(_text(sealed(record)))


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with both hashes."""
    return with_seal(_unsealed(record) | {KEY: record_hash(record)})


def with_seal(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with the hash of all its content as its last key."""
    rest = {key: value for key, value in content.items() if key != SEAL}
    return rest | {SEAL: _hash(rest)}


def record_hash(record: Mapping[str, Any]) -> str:
    """Return the hash of a record without times, sealed or not."""
    return _hash(without_times(_unsealed(record)))


def has_its_hashes(record: Mapping[str, Any]) -> bool:
    """Return whether a record has the hashes that follow from it; the seal may be missing.

    >>> has_its_hashes({"id": "x"}), has_its_hashes({"id": "x", KEY: record_hash({"id": "x"})})
    (False, True)
    """
    return record.get(KEY) == record_hash(record) and has_its_seal(record)


def has_its_seal(content: Mapping[str, Any]) -> bool:
    """Return whether the seal of a JSON object, if it has one, follows from its content."""
    return SEAL not in content or with_seal(content) == content


def is_intact(content: bytes) -> bool:
    """Return whether these bytes are those of a record as it was sealed.

    >>> is_intact(b'{"id": "x"}')
    False
    """
    record = json.loads(content)
    # The hashes do not cover spaces and duplicate keys; comparing the text does.
    return has_its_hashes(record) and content == _text(record).encode()


def without_times(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with null for times, speed and memory, which differ whenever the run is repeated."""
    kept = {key: None if key in TIMES else value for key, value in record.items()}
    if isinstance(cost := kept.get("cost"), Mapping):
        kept["cost"] = {key: None if key in TIMES or key.endswith("_s") else value for key, value in cost.items()}
    if isinstance(tables := kept.get("tables"), Mapping):
        kept["tables"] = {key: None if key == LOOKUP else value for key, value in tables.items()}
    return kept


def _unsealed(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in (KEY, SEAL)}


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_text(content).encode()).hexdigest()


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=1)
