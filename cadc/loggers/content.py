"""What loggers show of a finished run: configuration, curves and summary, read from the folder of the run."""

import csv
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cadc.errors import CadcError
from cadc.escape import from_csv_cell
from cadc.ledger.store import Ledger
from cadc.storage.run_files import CURVES

IN_SUMMARY = ("cost", "bytes", "rows", "tables")
"""Parts of a record that are in the summary beside the metrics, under names such as `cost/total_s`."""

RESULT_FILES = (
    "table.csv",
    "table.md",
    "table.tex",
    "comparison.csv",
    "comparison.md",
    "strata.csv",
    "strata.md",
    "figure.png",
    "figure.svg",
    "provenance.json",
)
"""Files of an experiment's results that are logged, if they exist."""


def run_content(folder: Path, group: str | None) -> dict[str, Any]:
    """Return what is shown of a run.

    Parameters
    ----------
    folder : of a finished run in a ledger.
    group : name of the experiment that the run belongs to, if any.

    Returns
    -------
    content : `id`, `name`, `group`, `job_type` (`train`, or `control` if nothing was trained), `config`,
        `history` (a mapping for each epoch) and `summary`.

    Raises
    ------
    CadcError : if record or curves cannot be read.
    """
    record = Ledger(folder.parent).record(folder.name)
    trained = record.get("rows", {}).get("kept") is not None
    return {
        "id": record["id"],
        "name": record["id"],
        "group": group,
        "job_type": "train" if trained else "control",
        "config": record["config"],
        "history": curves(folder / CURVES),
        "summary": summary(record),
    }


def summary(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics, and the numbers in `IN_SUMMARY`, of a record by name."""
    parts = {f"{part}/{name}": value for part in IN_SUMMARY for name, value in record.get(part, {}).items()}
    return {name: value for name, value in (record["metrics"] | parts).items() if isinstance(value, int | float)}


def curves(path: Path) -> list[dict[str, float]]:
    """Return the metrics of each epoch; lines of one epoch are merged, and empty cells are left out.

    Raises
    ------
    CadcError : if the file is not a table with a column `epoch`.
    """
    if not path.exists():
        return []
    epochs: dict[int, dict[str, float]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                epoch = int(float(line.pop("epoch")))
                line.pop("step", None)
                values = {name: float(cell) for name, cell in line.items() if cell}
                epochs.setdefault(epoch, {"epoch": epoch}).update(values)
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise CadcError(f"{path} is not a table with a column epoch ({error!r}); run it again.") from error
    return [epochs[epoch] for epoch in sorted(epochs)]


def results_content(folder: Path, group: str) -> dict[str, Any]:
    """Return what is shown of an experiment: columns and rows of its table, and the files to keep.

    Raises
    ------
    CadcError : if there is no table.
    """
    path = folder / "table.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            columns, *rows = csv.reader(file)
    except (OSError, ValueError, csv.Error) as error:
        raise CadcError(f"{path} is not a table ({error}); `cadc report {group}` writes it.") from error
    return {
        "id": f"table-{group}",
        "name": f"table of {group}",
        "group": group,
        "job_type": "table",
        "columns": list(map(from_csv_cell, columns)),
        "rows": [[_number(cell) for cell in row] for row in rows],
        "files": [str((folder / name).absolute()) for name in RESULT_FILES if (folder / name).exists()],
    }


def _number(cell: str) -> float | str | None:
    try:
        return float(cell)
    except ValueError:
        return from_csv_cell(cell) or None


def digest_of_files(*paths: Path) -> str:
    """Return a hash of the content of the files that exist."""
    parts = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.exists()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
