"""What a page shows: an experiment's results as they lie in their folder, or runs of the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cadc.errors import CadcError, one_line, shown
from cadc.experiment import Reference
from cadc.ledger.store import Ledger, Record
from cadc.paths import regular_file, user_path
from cadc.reporting.columns import MISSING, is_empty
from cadc.reporting.comparisons.columns import add_comparison
from cadc.reporting.comparisons.kept import FILE as COMPARISON
from cadc.reporting.comparisons.kept import kept_comparison
from cadc.reporting.lookup import committed_records
from cadc.reporting.points import Point, points
from cadc.reporting.provenance import PROVENANCE, read_provenance, runs_of
from cadc.reporting.records_file import records_path
from cadc.reporting.selection import FILE as CHOICE
from cadc.reporting.strata import FILE as STRATA
from cadc.reporting.strata import strata
from cadc.reporting.sweeps.runs_table import named_runs, points_table
from cadc.reporting.timing import timing_notes
from cadc.reporting.verdicts import verdict_lines
from cadc.reporting.verify import is_results
from cadc.storage.csv_tables import as_written
from cadc.terminal.counted import counted

TABLE = "table.csv"
PLACES = ("results", "outputs")
"""Folders in which the results of the whole grid of an experiment lie under its name."""


@dataclass(frozen=True)
class Source:
    """One part of a page.

    Parameters
    ----------
    name : of the experiment, or of the choice of runs.
    title, claim, source, command : what was asked, see `Experiment`, and what made the results.
    table : a line for each point; its attribute `metrics` names the metrics.
    points : of each line but those without any result; empty for an analysis.
    comparison, strata : see `compare_points` and `strata`; None where there are none.
    verdicts, notes : sentences about the table.
    place : folder that it was read from.
    """

    name: str
    title: str
    table: pd.DataFrame
    claim: str = ""
    source: str = ""
    command: str = ""
    points: Sequence[Point] = ()
    comparison: pd.DataFrame | None = None
    strata: pd.DataFrame | None = None
    verdicts: Sequence[str] = ()
    notes: Sequence[str] = ()
    place: str = ""


def results_folder(name: str) -> Path | None:
    """Return the folder of the results of an experiment, by its name or path; None if it has none.

    Those of the whole grid come first, then the latest of grids that differ, such as `outputs/NAME-fast`.
    """
    whole = [user_path(name), *(Path(place) / name for place in PLACES)]
    files = [path for path in Path("outputs").glob(f"*/{PROVENANCE}") if path.parent.name.startswith(f"{name}-")]
    latest = [path.parent for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)]
    found = (folder for folder in (*whole, *latest) if is_results(folder) and (folder / TABLE).is_file())
    return next(found, None)


def from_results(folder: Path) -> Source:
    """Return the results in a folder, as `write_results` left them.

    Raises
    ------
    CadcError : if a file cannot be read, or does not belong to the others.
    """
    known = read_provenance(folder)
    table = _table(folder / TABLE)
    runs = _runs(folder, known)
    found: dict[str, Any] = {key: str(known.get(key, "")) for key in ("title", "claim", "source", "command")}
    if not runs:
        return Source(folder.resolve().name, table=table, place=str(folder), **found)
    rows = points(runs)
    n_missing = len(without_runs(table))
    if len(rows) + n_missing != len(table):
        raise CadcError(
            f"{folder / TABLE} has {len(table)} rows, but {records_path(folder)} holds {len(rows)} points; "
            f"`cadc report {known.get('experiment')}` writes them again."
        )
    references = [Reference(**_tuples(one)) for one in known.get("references", ())]
    comparison = kept_comparison(folder / COMPARISON)
    if comparison is None:
        # A point that validation chose is compared alone.
        comparison = kept_comparison(folder / CHOICE)
    else:
        # The table may have been written before the rules of verdicts became those of today.
        table = add_comparison(table, comparison, references)
    return Source(
        str(known.get("experiment", folder.resolve().name)),
        table=table,
        points=rows,
        comparison=comparison,
        strata=_strata(folder / STRATA),
        # Sentences speak of whole tables.
        verdicts=[] if n_missing else verdict_lines(references, rows, table, comparison),
        notes=timing_notes([record for _, record in runs]),
        place=str(folder),
        **found,
    )


def from_records(records: Sequence[Record], ledger: Ledger, name: str, command: str = "") -> Source:
    """Return runs as one part of a page; arms are what differs between them.

    Parameters
    ----------
    records : of the runs, see `records_of`.
    ledger : has their scores.
    name : what chose them.
    command : that makes this part.
    """
    rows = points(named_runs(records))
    table = points_table(rows, ledger)
    return Source(
        name,
        counted(len(records), "run"),
        table,
        command=command,
        points=rows,
        strata=strata(rows, table.attrs["metrics"], ledger) if MISSING not in table else None,
        notes=table.attrs.get("note", "").splitlines(),
        place=str(ledger.folder),
    )


def without_runs(table: pd.DataFrame) -> list[int]:
    """Return the places of the rows of a table of which no run has a result yet."""
    if MISSING not in table:
        return []
    return [at for at, row in enumerate(table.to_dict("records")) if row["seeds"] == 0 and not is_empty(row[MISSING])]


def _table(path: Path) -> pd.DataFrame:
    try:
        table = as_written(pd.read_csv(regular_file(path), float_precision="round_trip"))
    except (OSError, ValueError) as error:
        reason = one_line(str(error))
        raise CadcError(f"{path} cannot be read as a table ({reason}); restore it or report again.") from error
    names = {str(name).removesuffix("_ci") for name in table if str(name).endswith("_ci")}
    table.attrs["metrics"] = tuple(
        str(name).removesuffix("_mean") for name in table if str(name).removesuffix("_mean") in names
    )
    return table


def _runs(folder: Path, known: Mapping[str, Any]) -> list[tuple[str, Record]]:
    """Return arm and record of each run, in the order of the table."""
    by_id = {record["id"]: record for record in committed_records(folder)}
    arms = runs_of(folder, known) if "runs" in known else {}
    if missing := [run for ids in arms.values() for run in ids if run not in by_id]:
        raise CadcError(
            f"{folder / PROVENANCE} names run {shown(missing[0])}, which {records_path(folder)} does not hold; "
            f"`cadc report {known.get('experiment')}` writes both again."
        )
    return [(arm, by_id[run]) for arm, ids in arms.items() for run in ids]


def _tuples(reference: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in reference.items()}


def _strata(path: Path) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    return as_written(
        pd.read_csv(regular_file(path), float_precision="round_trip", dtype={"runs": str, "stratum": str})
    )
