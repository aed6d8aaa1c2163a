"""Whether a run is, byte by byte and number by number, what its record says."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cadc.configuration.components import TARGET
from cadc.embeddings.measured import table_bytes
from cadc.errors import CadcError, UsageError, reason
from cadc.evaluation.prefixes import PREFIX, of_part
from cadc.evaluation.saved_tables import SAVED
from cadc.ledger.identity import recorded_identity, run_code
from cadc.ledger.nested import part
from cadc.ledger.record_hash import KEY, is_intact
from cadc.ledger.safe_text import harmless, number
from cadc.ledger.status import Entry, look_up, state, workplaces
from cadc.ledger.store import Ledger, Record
from cadc.pipeline.schema_version import SCHEMA_VERSION
from cadc.pipeline.settings import Settings
from cadc.provenance.fingerprint import file_hash

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 1e-12
"""Between a metric of the record and the same computed anew: another version of NumPy may add in another order."""

ALWAYS_THERE = ("id", "schema_version", "status", "config", "seed", "code", "environment", "metrics")
OF_FINISHED = ("data", "cost", "bytes", "rows", "uses", "factor_dim", "finished_at")
OF_OTHERS = ("reason", "ended_at")
SINCE_2 = {"finished": ("files", KEY), "failed": (KEY,), "pruned": (KEY,)}
"""Keys that a record has."""

RECORD, MODEL, CURVES = "record.json", "model.safetensors", "metrics.csv"

UNFINISHED = {
    "interrupted": ("is interrupted", "the same command goes on from there"),
    "pruned": ("is pruned", "its checkpoints are kept"),
}
LEFT = ("has leftovers of a process that is gone", "they go when the run is asked for again")
"""What is said of a run that nobody works on and that has a folder among the unfinished ones."""


@dataclass
class Finding:
    """What the check of a run came to.

    Parameters
    ----------
    faults : a sentence for each.
    notes : what could not be checked, and is no fault.
    has_hashes : whether the record has hashes of the files, which those of schema version 1 have not.
    """

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    has_hashes: bool = True


def verify(ledger: Ledger, run_id: str) -> Finding:
    """Check one run; of one that is unfinished, nothing can be checked yet."""
    entry = look_up(ledger, run_id, begun=False)
    if entry is None and not ledger.path(run_id).exists():
        return Finding(notes=["is unfinished, so there is nothing to verify yet"])
    if entry is None:
        return Finding([f"its folder holds no {RECORD}"])
    if entry.fault:
        return Finding([entry.fault])
    finding = Finding()
    try:
        _check(ledger.path(run_id), entry, finding)
    except OSError as error:
        finding.faults.append(f"{harmless(error.filename)} cannot be read: {reason(error)}")
    return finding


def _check(folder: Path, entry: Entry, finding: Finding) -> None:
    record, faults = entry.known, finding.faults
    version = record.get("schema_version", 1)
    if isinstance(version, bool) or not 1 <= version <= SCHEMA_VERSION:
        faults.append(f"there is no schema version {version}")
    missing = [key for key in _keys(entry.status, version) if key not in record]
    if missing:
        faults.append(f"its record lacks {', '.join(missing)}")
    finding.has_hashes = version >= 2 or "files" in record
    is_sealed = KEY in record
    if is_sealed and not is_intact((folder / RECORD).read_bytes()):
        faults.append(f"{RECORD} was changed after it was written")
        is_sealed = False
    if record["id"] != entry.run_id:
        faults.append(f"its folder is not named after the id of its record, {harmless(record['id'], 80)!r}")
    present = {path.name: path for path in sorted(folder.iterdir()) if path.name != RECORD}
    scores = SAVED["ranking" if record.get("task") == "ranking" else "ctr"].file
    faults += _files(record, entry.status, present, scores)
    whole = [name for name in (scores, MODEL) if name in present and not any(name in fault for fault in faults)]
    if entry.status == "finished":
        _check_id(record, is_sealed, finding)
        faults += _costs(record)
        if scores in whole:
            faults += _scores(present[scores], record)
        if MODEL in whole:
            faults += _model(present[MODEL], record)


def _keys(status: str, version: int) -> tuple[str, ...]:
    keys = ALWAYS_THERE + (OF_FINISHED if status == "finished" else OF_OTHERS)
    return keys + SINCE_2[status] if version >= 2 else tuple(key for key in keys if key != "schema_version")


def _files(record: Record, status: str, present: Mapping[str, Path], scores: str) -> Iterator[str]:
    """Yield what is wrong with the files; their names come from the folder, never from the record."""
    hashes = record.get("files")
    needed = {scores, MODEL} if status == "finished" else set()
    if hashes is not None and not isinstance(hashes, Mapping):
        yield "what its record calls files is no table of hashes"
        hashes = None
    expected = set(hashes) if hashes is not None else needed | ({CURVES} & set(present) if needed else set())
    for name in sorted((expected | needed) - set(present)):
        yield f"{harmless(name, 200)} is missing"
    for name, path in present.items():
        shown = harmless(name, 200)
        if name not in expected:
            yield f"{shown} is in its folder, but its record does not know it"
        elif path.is_symlink() or not path.is_file():
            yield f"{shown} is no plain file"
        elif hashes is not None and file_hash(path) != hashes[name]:
            yield f"{shown} has changed: its SHA-256 is not that of the record"


def _check_id(record: Record, is_sealed: bool, finding: Finding) -> None:
    try:
        computed = recorded_identity(record)
        is_same_code = run_code(Settings.of(record["config"])) == record["code"]["hash"]
    except UsageError as error:
        if not _names_classes(record["config"]):
            finding.faults.append(f"its id cannot be computed from its record ({harmless(error, 200)})")
        else:  # such as that of a plug-in which is not installed here
            finding.notes.append(f"its id was not checked: {harmless(error)}")
        return
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        finding.faults.append(f"its id cannot be computed from its record ({harmless(repr(error), 200)})")
        return
    if computed == record["id"]:
        return
    if is_sealed and not is_same_code:
        # Its configuration is as it was written, and a default may have been another one then.
        finding.notes.append("its id was not checked: the code has changed since")
        return
    finding.faults.append("its id is not that of its configuration, data and code")


def _names_classes(config: Any) -> bool:
    groups = [group for group in part(config, "choices") if "/" not in group]
    return bool(groups) and all(isinstance(part(config, group).get(TARGET), str) for group in groups)


def _scores(path: Path, record: Record) -> Iterator[str]:
    """Yield the metrics that the saved scores do not give."""
    import pandas as pd

    from cadc.evaluation.metrics.lookup import is_metric, metric

    evaluated = part(record, "config").get("evaluate", "test")
    try:
        scores = pd.read_parquet(path)
        recorded = of_part(evaluated, part(record, "metrics"))
        computed = {name: metric(name).value(scores) for name in recorded if is_metric(name)}
    except Exception as error:  # pyarrow has many classes of error for broken files
        yield f"no metrics can be computed from {path.name} ({harmless(repr(error), 200)})"
        return
    n_rows = part(part(record, "data"), "rows").get(evaluated)
    if "rank" not in scores and len(scores) != n_rows:
        yield f"{path.name} has {len(scores)} rows, which is not the number of the {evaluated} part"
    for name in recorded:
        value = number(recorded[name])
        if name not in computed:
            yield f"nothing computes the metric {PREFIX[evaluated]}{harmless(name, 80)} from {path.name}"
        elif value is None or not abs(value - computed[name]) <= TOLERANCE:
            said = harmless(json.dumps(recorded[name]), 60)
            yield f"{PREFIX[evaluated]}{name} is {said} in its record, but its scores give {computed[name]!r}"


def _costs(record: Record) -> Iterator[str]:
    """Yield what is wrong with the seconds, which the record's hash of itself leaves out."""
    cost = part(record, "cost")
    stages = [
        value for name, value in cost.items() if name.endswith("_s") and name not in ("total_s", "examples_per_s")
    ]
    if any(number(value) is None for value in stages) or sum(stages) != cost.get("total_s"):
        yield "the seconds of its stages do not add up to total_s"


def _model(path: Path, record: Record) -> Iterator[str]:
    """Yield what is wrong with the weights."""
    from safetensors.torch import load_file

    try:
        weights = load_file(path)
    except Exception as error:  # safetensors has its own classes of error for broken files
        yield f"{MODEL} cannot be read ({harmless(repr(error), 200)})"
        return
    measured = table_bytes(weights)
    recorded = part(record, "bytes").get("embedding")
    if measured != recorded:
        yield f"its tables take {measured} bytes, but its record says {harmless(recorded, 60)}"
    if tables := part(record, "tables"):
        yield from _tables(tables, weights)


def _tables(tables: Mapping[str, Any], weights: "Mapping[str, Tensor]") -> Iterator[str]:
    """Yield what is wrong with the bytes and ratios of compressed tables."""
    from cadc.embeddings.measured import bytes_from_weights, sums

    files = part(tables, "files")
    try:
        measured, computed = bytes_from_weights(files, weights), sums(files)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        yield f"what its record says of the files of its tables is of another form ({harmless(repr(error), 200)})"
        return
    for name, size in measured.items():
        if size != files[name]["bytes"]:
            said = harmless(files[name]["bytes"], 60)
            yield f"the file of {harmless(name, 80)} takes {size} bytes, but its record says {said}"
    for name, value in computed.items():
        recorded = number(tables.get(name))
        if recorded is None or not abs(recorded - value) <= TOLERANCE * value:
            yield f"tables.{name} is {harmless(tables.get(name), 60)} in its record, but its files give {value!r}"


def run_ids(ledger: Ledger) -> list[str]:
    """Return the names of all folders of runs, those among them that hold no record."""
    return sorted(path.name for path in ledger.folder.glob("[!.]*") if path.is_dir())


def leftovers(ledger: Ledger) -> Iterator[str]:
    """Yield a line for each run that a process left unfinished and nobody works on."""
    for workplace in workplaces(ledger):
        try:
            status = ledger.status(workplace.name)
        except CadcError:
            status = "damaged"
        if status == "running":
            continue
        what, then = UNFINISHED.get(status or "", LEFT)
        yield f"{harmless(workplace.name, 80)}  {what} ({state(ledger, workplace.name)}); {then}"
