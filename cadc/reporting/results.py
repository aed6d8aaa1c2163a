"""The results of an experiment: table, figure, the records behind them, and where they came from."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from cadc.cache import put_in_place
from cadc.config import compose_config
from cadc.errors import CadcError, UsageError
from cadc.experiment import Cell, Experiment
from cadc.ledger.identity import run_code, signature
from cadc.ledger.store import Ledger, Record
from cadc.measure import source_version
from cadc.reporting.comparison import FILE as COMPARISON
from cadc.reporting.comparison import add_comparison, compare_points
from cadc.reporting.figure import write_rate_figure
from cadc.reporting.table import build_table, points, write_table

RECORDS = "records.jsonl"


def write_results(
    experiment: Experiment,
    runs: Sequence[tuple[str, Record]],
    folder: Path,
    command: str,
    ledger: Ledger | None = None,
    committed: Sequence[Path] = (),
) -> pd.DataFrame:
    """Write table, figure, records and provenance of (arm, record) pairs; return the table.

    Parameters
    ----------
    experiment, runs : what was run, and the arm and record of each.
    folder : of the results.
    command : that makes them again.
    ledger : with the runs' scores, for the comparison with the experiment's reference.
    committed : folders of results whose comparison serves where the scores are gone.

    Raises
    ------
    CadcError : where the folder cannot be written to, or arms cannot be compared with the reference.
    """
    table, comparison = build_table(runs), None
    if experiment.reference:
        comparison = compare_points(experiment.reference, points(runs), ledger, committed)
        if comparison is not None:
            table = add_comparison(table, comparison, experiment.reference)
    records = {record["id"]: record for _, record in runs}
    provenance = {
        "experiment": experiment.name,
        "title": experiment.title,
        "claim": experiment.claim,
        "source": experiment.source,
        "command": command,
        "code": source_version(),
        "runs": _ids_by_arm(runs),
    }
    if experiment.reference:
        provenance["reference"] = asdict(experiment.reference)

    def write(aside: Path) -> None:
        write_table(table, aside)
        if comparison is not None:
            (aside / COMPARISON).write_text(comparison.to_csv(index=False, lineterminator="\n"))
        write_rate_figure(f"{experiment.title} ({', '.join(table['dataset'].unique())})", table, aside)
        (aside / RECORDS).write_text("".join(json.dumps(record) + "\n" for record in records.values()))
        (aside / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n")

    try:
        put_in_place(folder, write)
        if comparison is None:
            # One that is left from other runs would seem to belong to this table.
            (folder / COMPARISON).unlink(missing_ok=True)
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


def find_runs(cells: Sequence[Cell], ledger: Ledger, committed: Sequence[Path]) -> list[tuple[str, Record]]:
    """Find the records of an experiment's cells by their configuration, without the data.

    Records come from the ledger, else from those kept beside results; of several of one configuration the latest
    made by the present code counts, else the latest.

    Parameters
    ----------
    cells : the runs wanted.
    ledger : where they are looked for.
    committed : folders of results whose records count as well.

    Raises
    ------
    CadcError : where some have no record.
    """
    known: dict[str, list[Record]] = {}
    kept = [record for folder in committed for record in _committed(folder)]
    for record in sorted([*kept, *_readable(ledger)], key=lambda record: str(record.get("finished_at"))):
        # A record of a component that is no longer installed cannot be asked for either.
        with suppress(UsageError, KeyError, TypeError):
            known.setdefault(signature(record["config"]), []).append(record)
    runs, n_missing, n_old = [], 0, 0
    for cell in cells:
        config = compose_config(cell.words)
        found = known.get(signature(config), [])
        present = [record for record in found if record["code"]["hash"] == run_code(config)]
        n_missing += not found
        n_old += bool(found) and not present
        runs += [(cell.arm, (present or found)[-1])] if found else []
    if n_missing:
        raise CadcError(f"{n_missing} of {len(cells)} runs are not in {ledger.folder}; `cadc experiment` runs them.")
    if n_old:
        print(f"{n_old} of {len(cells)} runs were made by other code than the present one", file=sys.stderr)
    return runs


def _readable(ledger: Ledger) -> Iterator[Record]:
    """Yield the records of a ledger and name those that cannot be read."""
    for run_id in ledger.ids():
        try:
            yield ledger.record(run_id)
        except CadcError as error:
            print(f"left out: {error}", file=sys.stderr)


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
