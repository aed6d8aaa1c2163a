"""Verifies results: every file against `provenance.json`, every record against its own hashes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cadc.configuration.nested import part
from cadc.errors import CadcError, reason
from cadc.ledger.record_hash import KEY, SEAL, with_seal
from cadc.ledger.record_schema import check_record
from cadc.ledger.safe_text import harmless
from cadc.ledger.verify import SEALED_SINCE, Finding, file_faults
from cadc.reporting.provenance import FILES, PROVENANCE, text_of
from cadc.reporting.records_file import read_records, records_path

PAGE = "page.html"
"""A page of the results, which `cadc page` makes of the other files at any time."""


def is_results(folder: Path) -> bool:
    """Tell whether a folder holds the results of an experiment."""
    return folder.is_dir() and any(path.exists() for path in (folder / PROVENANCE, records_path(folder)))


def verify_results(folder: Path) -> Finding:
    """Verify the results of an experiment; those of earlier versions have hashes of their records alone."""
    finding = Finding()
    try:
        provenance = _provenance(folder, finding)
        path = records_path(folder)
        records = _records(path, finding)
        if provenance is not None and SEAL in provenance:
            finding.faults += _files(folder, provenance)
        else:
            finding.has_hashes = False
    except OSError as error:
        finding.faults.append(f"{harmless(error.filename)} cannot be read: {reason(error)}")
        return finding
    named = [run_id for ids in part(provenance, "runs").values() for run_id in _texts(ids)]
    if not finding.faults and set(named) != {record.get("id") for record in records}:
        finding.faults.append(f"{path.name} does not hold the runs that {PROVENANCE} names")
    return finding


def _texts(values: Any) -> Sequence[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def _provenance(folder: Path, finding: Finding) -> Mapping[str, Any] | None:
    """Return the content of `provenance.json`; None if it is missing or damaged."""
    path = folder / PROVENANCE
    if not path.exists():
        finding.faults.append(f"{PROVENANCE} is missing")
        return None
    content = path.read_bytes()
    try:
        found = json.loads(content)
        if not isinstance(found, dict):
            raise ValueError("it is not an object")
    except (ValueError, RecursionError) as error:
        finding.faults.append(f"{PROVENANCE} cannot be read ({harmless(error, 200)})")
        return None
    if content != text_of(with_seal(found) if FILES in found else found).encode():
        finding.faults.append(f"{PROVENANCE} was changed after it was written")
    return found


def _records(path: Path, finding: Finding) -> list[dict[str, Any]]:
    """Return the records in a file, and note the faults of each."""
    found: list[dict[str, Any]] = []
    if not path.exists():
        return found
    try:
        lines = read_records(path).split(b"\n")
    except CadcError as error:
        finding.faults.append(harmless(error))
        return found
    if lines.pop() != b"":
        finding.faults.append(f"{path.name} does not end with the end of a line")
    for number, line in enumerate(lines, 1):
        where = f"{path.name}, line {number}"
        try:
            record = json.loads(line)
            check_record(record, where)
        except (ValueError, RecursionError) as error:
            finding.faults.append(f"{where} is not a record ({harmless(error, 200)})")
            continue
        except CadcError as error:
            finding.faults.append(harmless(error))
            continue
        found.append(record)
        version = record.get("schema_version", 1)
        needed = [KEY, SEAL] if version >= SEALED_SINCE else [KEY] if version >= 2 else []
        if missing := [key for key in needed if key not in record]:
            finding.faults.append(f"{where} lacks {', '.join(missing)}")
        elif json.dumps(record).encode() != line:
            finding.faults.append(f"{where} was changed after it was written")
        finding.has_seal &= SEAL in record
    return found


def _files(folder: Path, provenance: Mapping[str, Any]) -> Iterator[str]:
    """Yield faults of the files; only names from the folder are opened, never names from `provenance.json`."""
    hashes = part(provenance, FILES)
    present = {path.name: path for path in sorted(folder.iterdir()) if path.name not in (PROVENANCE, PAGE)}
    yield from file_faults(present, hashes, (), hashes, PROVENANCE)
