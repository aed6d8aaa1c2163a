"""The results of an experiment: table, figure, the records behind them, and where they came from."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd

from cadc.config import compose_config
from cadc.errors import CadcError, UsageError
from cadc.experiment import Cell, Experiment
from cadc.ledger.identity import signature
from cadc.ledger.store import Ledger, Record
from cadc.measure import source_version
from cadc.reporting.figure import write_rate_figure
from cadc.reporting.table import build_table, write_table

RECORDS = "records.jsonl"


def write_results(
    experiment: Experiment, runs: Sequence[tuple[str, Record]], folder: Path, command: str
) -> pd.DataFrame:
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
        # A record of a component that is no longer installed cannot be asked for either.
        with suppress(UsageError):
            known[signature(record["config"])] = record
    wanted = [(cell.arm, known.get(signature(compose_config(cell.words)))) for cell in cells]
    runs = [(arm, record) for arm, record in wanted if record is not None]
    if len(runs) < len(wanted):
        raise CadcError(
            f"{len(wanted) - len(runs)} of {len(wanted)} runs are not in {ledger.folder}; `cadc experiment` runs them."
        )
    return runs


def _committed(folder: Path) -> list[Record]:
    path = folder / RECORDS
    if not path.exists():
        return []
    records = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            record = json.loads(line)
            record["id"], record["config"], record["finished_at"]
        except (ValueError, TypeError, KeyError) as error:
            raise CadcError(
                f"{path}, line {number} is no record ({error!r}); restore the file or delete it."
            ) from error
        records.append(record)
    return records
