"""The results of an experiment: table, figure, the records behind them, and where they came from."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cadc.config import compose_config
from cadc.errors import CadcError
from cadc.experiment import Cell, Experiment
from cadc.identity import describe, digest
from cadc.ledger.store import Ledger, Record
from cadc.measure import source_version
from cadc.reporting.figure import write_rate_figure
from cadc.reporting.table import build_table, write_table

RECORDS = "records.jsonl"


def write_results(experiment: Experiment, runs: Sequence[tuple[str, Record]], folder: Path, command: str) -> pd.DataFrame:
    """Write table, figure, records and provenance of (arm, record) pairs; return the table.

    Raises
    ------
    CadcError : where the folder cannot be written to.
    """
    table = build_table(runs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_table(table, folder)
        write_rate_figure(experiment.title, table, folder)
        records = {record["id"]: record for _, record in runs}
        (folder / RECORDS).write_text("".join(json.dumps(record) + "\n" for record in records.values()))
        provenance = {
            "experiment": experiment.name,
            "title": experiment.title,
            "claim": experiment.claim,
            "source": experiment.source,
            "command": command,
            "code": source_version(),
            "runs": _ids_by_arm(runs),
        }
        (folder / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n")
    except OSError as error:
        raise CadcError(
            f"results cannot be written to {folder} ({(error.strerror or str(error)).lower()}); make it writable or "
            "choose another with --output. The runs themselves are kept."
        ) from error
    return table


def _ids_by_arm(runs: Sequence[tuple[str, Record]]) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for arm, record in runs:
        if record["id"] not in ids.setdefault(arm, []):
            ids[arm].append(record["id"])
    return ids


def find_runs(cells: Sequence[Cell], ledger: Ledger, folder: Path) -> list[tuple[str, Record]]:
    """Find the records of an experiment's cells by their configuration, without data or code.

    Records come from the ledger, else from those committed beside the results; of several of one configuration
    the latest counts.

    Raises
    ------
    CadcError : where some have no record.
    """
    known: dict[str, Record] = {}
    for record in sorted([*_committed(folder), *ledger], key=lambda record: str(record["finished_at"])):
        known[_signature(record["config"], record["uses"])] = record
    runs, missing = [], 0
    for cell in cells:
        config = compose_config(cell.words)
        record = next(
            (known[key] for uses in _uses(known) if (key := _signature(config, uses)) in known), None
        )
        if record is None:
            missing += 1
        else:
            runs.append((cell.arm, record))
    if missing:
        raise CadcError(f"{missing} of {len(cells)} runs are not in {ledger.folder}; `cadc experiment` runs them.")
    return runs


def _uses(known: Mapping[str, Record]) -> list[list[str]]:
    return sorted({tuple(record["uses"]) for record in known.values()}, key=len, reverse=True)  # type: ignore[arg-type]


def _signature(config: Mapping[str, Any], uses: Sequence[str]) -> str:
    ...


def _committed(folder: Path) -> list[Record]:
    path = folder / RECORDS
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
