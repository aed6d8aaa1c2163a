"""The results of an experiment: table, figure, the records behind them, and where they came from."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from cadc.cache import put_in_place
from cadc.config import check_config, compose_config
from cadc.errors import CadcError, UsageError, one_line
from cadc.experiment import Cell, Experiment
from cadc.ledger.identity import run_code, signature
from cadc.ledger.shape import require_whole
from cadc.ledger.store import Ledger, Record
from cadc.measure import source_version
from cadc.paths import regular_file
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
    unreadable: list[CadcError] = []
    foreign: list[CadcError] = []
    # It changes no result, and older records name loggers that are gone.
    logger = compose_config([])["logger"]
    for record in sorted([*kept, *_readable(ledger, unreadable)], key=lambda record: str(record["finished_at"])):
        try:
            known.setdefault(signature(check_config({**record["config"], "logger": logger})), []).append(record)
        except UsageError as error:
            # One of a component that is no longer installed cannot be asked for either, so nothing is printed.
            foreign.append(UsageError(f"the configuration of run {record['id']} cannot be read: {error}"))
    runs, n_missing, n_old = [], 0, 0
    for cell in cells:
        config = compose_config(cell.words)
        found = known.get(signature(config), [])
        present = [record for record in found if record["code"]["hash"] == run_code(config)]
        n_missing += not found
        n_old += bool(found) and not present
        runs += [(cell.arm, (present or found)[-1])] if found else []
    if n_missing:
        bad = [*unreadable, *foreign]
        said = f" ({len(bad)} records cannot be used, the first: {bad[0]})" if bad else ""
        raise CadcError(
            f"{n_missing} of {len(cells)} runs are not in {ledger.folder}{said}; `cadc experiment` runs them."
        )
    for reason in unreadable:
        print(f"left out: {one_line(str(reason))}", file=sys.stderr)
    if n_old:
        print(f"{n_old} of {len(cells)} runs were made by other code than the present one", file=sys.stderr)
    return runs


def _readable(ledger: Ledger, unreadable: list[CadcError]) -> Iterator[Record]:
    """Yield the whole records of a ledger, and collect what is wrong with the others."""
    for run_id in ledger.ids():
        try:
            record = ledger.record(run_id)
            require_whole(record, ledger.path(run_id) / "record.json", run_id)
            yield record
        except CadcError as error:
            unreadable.append(error)


def _committed(folder: Path) -> list[Record]:
    path = folder / RECORDS
    if not path.exists():
        return []
    records = []
    try:
        lines = regular_file(path).read_text().splitlines()
    except (OSError, ValueError) as error:
        raise CadcError(f"{path} holds no records ({error}); restore the file or delete it.") from error
    for number, line in enumerate(lines, 1):
        where = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CadcError(f"{where} is no record ({error}); restore the file or delete it.") from error
        require_whole(record, where)
        records.append(record)
    return records
