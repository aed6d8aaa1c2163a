"""What a mirror shows of a finished run: configuration, curves and summary, read from the run's folder."""

import csv
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cadc.errors import CadcError
from cadc.ledger.store import Ledger

IN_SUMMARY = ("cost", "bytes", "rows", "tables")
"""Parts of a record that stand in the summary beside the metrics, under names such as `cost/total_s`."""

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
"""What of an experiment's folder is mirrored, where it is there."""


def run_content(folder: Path, group: str | None) -> dict[str, Any]:
    """Return what is shown of one run.

    Parameters
    ----------
    folder : of a finished run in a ledger.
    group : name of the experiment that it belongs to, if any.

    Returns
    -------
    content : `id`, `name`, `group`, `job_type` (`train`, or `control` where nothing was trained), `config`,
        `history` (a mapping for each epoch) and `summary`.

    Raises
    ------
    CadcError : where record or curves cannot be read.
    """
    record = Ledger(folder.parent).record(folder.name)
    trained = record.get("rows", {}).get("kept") is not None
    return {
        "id": record["id"],
        "name": record["id"],
        "group": group,
        "job_type": "train" if trained else "control",
        "config": record["config"],
        "history": curves(folder / "metrics.csv"),
        "summary": summary(record),
    }


def summary(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return metrics and all numbers of those parts of a record by name; values that do not apply are left out."""
    parts = {f"{part}/{name}": value for part in IN_SUMMARY for name, value in record.get(part, {}).items()}
    return {name: value for name, value in (record["metrics"] | parts).items() if isinstance(value, int | float)}


def curves(path: Path) -> list[dict[str, float]]:
    """Return the metrics of each epoch; lines of one epoch are joined, and empty cells are left out.

    Raises
    ------
    CadcError : where the file is no table with a column `epoch`.
    """
    if not path.exists():
        return []
    epochs: dict[int, dict[str, float]] = {}
    try:
        with path.open(newline="") as file:
            for line in csv.DictReader(file):
                epoch = int(float(line.pop("epoch")))
                line.pop("step", None)
                values = {name: float(cell) for name, cell in line.items() if cell}
                epochs.setdefault(epoch, {"epoch": epoch}).update(values)
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise CadcError(f"{path} is no table of epochs ({error!r}).") from error
    return [epochs[epoch] for epoch in sorted(epochs)]


def table_content(folder: Path, group: str) -> dict[str, Any]:
    """Return what is shown of an experiment: its table's columns and rows, and the files to keep.

    Raises
    ------
    CadcError : where there is no table.
    """
    path = folder / "table.csv"
    try:
        with path.open(newline="") as file:
            columns, *rows = csv.reader(file)
    except (OSError, ValueError, csv.Error) as error:
        raise CadcError(f"{path} is no table ({error}); `cadc report {group}` writes it.") from error
    return {
        "id": f"table-{group}",
        "name": f"table of {group}",
        "group": group,
        "job_type": "table",
        "columns": columns,
        "rows": [[_number(cell) for cell in row] for row in rows],
        "files": [str((folder / name).absolute()) for name in RESULT_FILES if (folder / name).exists()],
    }


def _number(cell: str) -> float | str | None:
    try:
        return float(cell)
    except ValueError:
        return cell or None


def digest_of_files(*paths: Path) -> str:
    """Return a hash of the content of those files that are there."""
    parts = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.exists()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
