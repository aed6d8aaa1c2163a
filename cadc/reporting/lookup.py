"""Records of the runs of an experiment, found by configuration without the data."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from cadc.errors import CadcError, UsageError, one_line
from cadc.experiment import Cell
from cadc.ledger.identity import content_signature, data_signature, run_code, signature
from cadc.ledger.record_schema import check_record
from cadc.ledger.store import Ledger, Record
from cadc.paths import regular_file
from cadc.pipeline.settings import Settings
from cadc.storage.run_files import RECORD
from cadc.terminal.progress import say

RECORDS = "records.jsonl"


def find_runs(cells: Sequence[Cell], ledger: Ledger, committed: Sequence[Path]) -> list[tuple[str, Record]]:
    """Find the records of an experiment's cells by their configuration, without the data.

    Records come from the ledger and from results. Of several records of one configuration, the latest made by the
    present code counts, else the latest.

    Parameters
    ----------
    cells : runs to find.
    ledger : ledger to look in.
    committed : folders of results whose records count as well.

    Raises
    ------
    CadcError : if a run has no record.
    """
    known: dict[str, list[Record]] = {}
    by_content: dict[str, list[Record]] = {}
    contents: dict[str, str] = {}
    kept = [record for folder in committed for record in _committed(folder)]
    unreadable: list[CadcError] = []
    foreign: list[CadcError] = []
    for record in sorted([*kept, *_readable(ledger, unreadable)], key=lambda record: str(record["finished_at"])):
        content = record["data"]["content_hash"]
        try:
            settings = Settings.of(record["config"])
            known.setdefault(signature(settings), []).append(record)
            by_content.setdefault(content_signature(settings, content), []).append(record)
            contents[data_signature(settings)] = content
        except UsageError as error:
            # A run of a component that is no longer installed cannot be asked for either, so nothing is printed.
            foreign.append(UsageError(f"the configuration of run {record['id']} cannot be read: {error}"))
    runs, n_missing, n_old = [], 0, 0
    for cell in cells:
        settings = Settings.compose(cell.overrides)
        # Several split seeds may give the same split. A run on it is one run, whichever seed it was recorded under.
        content = contents.get(data_signature(settings))
        found = by_content.get(content_signature(settings, content), []) if content is not None else []
        found = found or known.get(signature(settings), [])
        code = run_code(settings)
        present = [record for record in found if record["code"]["hash"] == code]
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
        say(f"left out: {one_line(str(reason))}")
    if n_old:
        say(f"{n_old} of {len(cells)} runs were made by other code than the present one")
    return runs


def _readable(ledger: Ledger, unreadable: list[CadcError]) -> Iterator[Record]:
    """Yield the valid records of a ledger, and collect the errors of the others."""
    for run_id, status in ledger.statuses().items():
        try:
            if status not in ("finished", "unreadable") and not ledger.is_unreachable(run_id):
                continue
            record = ledger.record(run_id)
            check_record(record, ledger.path(run_id) / RECORD, run_id)
            yield record
        except CadcError as error:
            unreadable.append(error)


def _committed(folder: Path) -> list[Record]:
    path = folder / RECORDS
    if not path.exists():
        return []
    records = []
    try:
        lines = regular_file(path).read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise CadcError(f"{path} cannot be read ({error}); restore the file or delete it.") from error
    for number, line in enumerate(lines, 1):
        where = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CadcError(f"{where} is not a record ({error}); restore the file or delete it.") from error
        check_record(record, where)
        records.append(record)
    return records
