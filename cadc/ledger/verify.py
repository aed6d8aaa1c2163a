"""Verifies runs: files and id against the record, and its numbers against those recomputed from the files."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cadc.configuration.components import TARGET
from cadc.configuration.nested import part
from cadc.errors import CadcError, UsageError, reason
from cadc.evaluation.saved_tables import SAVED
from cadc.ledger.identity import recorded_identity, recorded_settings, run_code
from cadc.ledger.left_out import left_out_of
from cadc.ledger.reading import read_record
from cadc.ledger.recompute import cost_faults, model_faults, score_faults
from cadc.ledger.record_hash import KEY, SEAL, is_intact
from cadc.ledger.safe_text import harmless
from cadc.ledger.status import Entry, look_up, require_known_status, state, workplaces
from cadc.ledger.store import Ledger, Record
from cadc.pipeline.schema_version import SCHEMA_VERSION
from cadc.provenance.fingerprint import file_hash
from cadc.storage.run_files import CURVES, LEFT_OUT, MODEL, RECORD

ALWAYS_THERE = ("id", "schema_version", "status", "config", "seed", "code", "environment", "metrics")
OF_FINISHED = ("data", "cost", "bytes", "rows", "uses", "factor_dim", "finished_at")
OF_OTHERS = ("reason", "ended_at")
SINCE_2 = {"finished": ("files", KEY), "failed": (KEY,), "pruned": (KEY,)}
"""Keys of records by status, and those added in schema version 2."""
SEALED_SINCE = 5
"""Schema version since which a hash covers the times of a record, too."""

UNFINISHED = {
    "interrupted": ("is interrupted", "run the same command again to resume it"),
    "pruned": ("is pruned", "its checkpoints are kept"),
}
LEFT = ("has files of a process that has ended", "they are removed when the run is asked for again")
"""Descriptions of runs that have unfinished files and no process."""


@dataclass
class Finding:
    """Result of verifying a run.

    Parameters
    ----------
    faults : a sentence for each fault.
    notes : what could not be checked, which is not a fault.
    has_hashes : whether the record has hashes of the files; those of schema version 1 do not.
    has_seal : whether a hash of the record covers its times; before schema version 5 none does.
    left_out : names of files that the run was unpacked without.
    """

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    has_hashes: bool = True
    has_seal: bool = True
    left_out: set[str] = field(default_factory=set)


def verify(ledger: Ledger, run_id: str) -> Finding:
    """Verify one run; an unfinished run gives a note only."""
    entry = look_up(ledger, run_id, begun=False)
    if entry is None and not ledger.path(run_id).exists():
        return Finding(notes=["is unfinished: there is nothing to verify yet"])
    if entry is None:
        return Finding([f"its folder has no {RECORD}"])
    if entry.fault:
        return Finding([entry.fault])
    return _of_folder(ledger.path(run_id), entry)


def verify_folder(folder: Path, run_id: str) -> Finding:
    """Verify a run that has ended in a folder of any name.

    Raises
    ------
    CadcError : if its record cannot be read, or says that it ended in no known way.
    """
    record = read_record(folder / RECORD)
    require_known_status(record)
    return _of_folder(folder, Entry(run_id, str(record.get("status", "finished")), record))


def _of_folder(folder: Path, entry: Entry) -> Finding:
    finding = Finding()
    try:
        _check(folder, entry, finding)
    except OSError as error:
        finding.faults.append(f"{harmless(error.filename)} cannot be read: {reason(error)}")
    return finding


def _check(folder: Path, entry: Entry, finding: Finding) -> None:
    record, faults = entry.known, finding.faults
    version = record.get("schema_version", 1)
    if isinstance(version, bool) or not 1 <= version <= SCHEMA_VERSION:
        faults.append(f"its schema version is {version}; expected 1 to {SCHEMA_VERSION}")
    missing = [key for key in _keys(entry.status, version) if key not in record]
    if missing:
        faults.append(f"its record lacks {', '.join(missing)}")
    finding.has_hashes = version >= 2 or "files" in record
    finding.has_seal = version >= SEALED_SINCE or SEAL in record
    is_sealed = KEY in record
    if is_sealed and not is_intact((folder / RECORD).read_bytes()):
        faults.append(f"{RECORD} was changed after it was written")
        is_sealed = False
    if record["id"] != entry.run_id:
        faults.append(f"its record has the id {harmless(record['id'], 80)!r}, which is not the name of its folder")
    present = {path.name: path for path in sorted(folder.iterdir()) if path.name not in (RECORD, LEFT_OUT)}
    scores = SAVED["ranking" if record.get("task") == "ranking" else "ctr"].file
    finding.left_out = left_out_of(folder) - set(present)
    faults += _files(record, entry.status, present, scores, finding.left_out)
    whole = [name for name in (scores, MODEL) if name in present and not any(name in fault for fault in faults)]
    if entry.status == "finished":
        _check_id(record, is_sealed, finding)
        faults += cost_faults(record)
        if scores in whole:
            faults += score_faults(present[scores], record)
        if MODEL in whole:
            faults += model_faults(present[MODEL], record)


def _keys(status: str, version: int) -> tuple[str, ...]:
    keys = ALWAYS_THERE + (OF_FINISHED if status == "finished" else OF_OTHERS)
    if version < 2:
        return tuple(key for key in keys if key != "schema_version")
    return (*keys, *SINCE_2[status], *([SEAL] if version >= SEALED_SINCE else []))


def _files(
    record: Record, status: str, present: Mapping[str, Path], scores: str, left_out: Collection[str]
) -> Iterator[str]:
    """Yield faults of the files; only names from the folder are opened, never names from the record."""
    hashes = record.get("files")
    needed = {scores, MODEL} if status == "finished" else set()
    if hashes is not None and not isinstance(hashes, Mapping):
        yield "files in its record is not a table of hashes"
        hashes = None
    expected = set(hashes) if hashes is not None else needed | ({CURVES} & set(present) if needed else set())
    yield from file_faults(present, expected - set(left_out), needed - set(left_out), hashes, "its record")


def file_faults(
    present: Mapping[str, Path],
    expected: Collection[str],
    needed: Collection[str],
    hashes: Mapping[str, Any] | None,
    listed: str,
) -> Iterator[str]:
    """Yield what is wrong with the files of a folder.

    Parameters
    ----------
    present : the files that it holds, by name.
    expected : names of the files that it may hold; each must be there.
    needed : names of files that must be there as well.
    hashes : SHA-256 of each expected file; None if they are not known.
    listed : what lists them, for messages.
    """
    for name in sorted({*expected, *needed} - set(present)):
        yield f"{harmless(name, 200)} is missing"
    for name, path in present.items():
        shown = harmless(name, 200)
        if name not in expected:
            yield f"{shown} is in its folder, but not in {listed}"
        elif path.is_symlink() or not path.is_file():
            yield f"{shown} is not a regular file"
        elif hashes is not None and file_hash(path) != hashes[name]:
            yield f"{shown} has changed: its SHA-256 differs from that in {listed}"


def _check_id(record: Record, is_sealed: bool, finding: Finding) -> None:
    try:
        computed = recorded_identity(record)
        is_same_code = run_code(recorded_settings(record)) == record["code"]["hash"]
    except UsageError as error:
        if not _names_classes(record["config"]):
            finding.faults.append(f"its id cannot be computed from its record ({harmless(error, 200)})")
        else:  # such as of a plug-in that is not installed here
            finding.notes.append(f"its id was not checked: {harmless(error)}")
        return
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        finding.faults.append(f"its id cannot be computed from its record ({harmless(repr(error), 200)})")
        return
    if computed == record["id"]:
        return
    if is_sealed and not is_same_code:
        # The configuration is as it was written, but defaults may have changed since.
        finding.notes.append("its id was not checked: the code has changed since")
        return
    finding.faults.append("its id does not follow from its configuration, data and code")


def _names_classes(config: Any) -> bool:
    groups = [group for group in part(config, "choices") if "/" not in group]
    return bool(groups) and all(isinstance(part(config, group).get(TARGET), str) for group in groups)


def run_ids(ledger: Ledger) -> list[str]:
    """Return the names of all folders of runs, with or without a record."""
    return sorted(path.name for path in ledger.folder.glob("[!.]*") if path.is_dir())


def leftovers(ledger: Ledger) -> Iterator[str]:
    """Yield a line for each unfinished run that no process works on."""
    for workplace in workplaces(ledger):
        try:
            status = ledger.status(workplace.name)
        except CadcError:
            status = "damaged"
        if status == "running":
            continue
        what, then = UNFINISHED.get(status or "", LEFT)
        yield f"{harmless(workplace.name, 80)}  {what} ({state(ledger, workplace.name)}); {then}"
