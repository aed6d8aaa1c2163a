"""The table of any runs, of a sweep or of a ledger: what differs between them names the arms."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cadc.configuration.nested import part
from cadc.errors import CadcError, UsageError, one_line
from cadc.evaluation.prefixes import VALIDATION
from cadc.evaluation.saved_tables import SAVED
from cadc.ledger.identity import content_signature, recorded_settings, run_code, signature
from cadc.ledger.record_schema import check_record
from cadc.ledger.status import Entry
from cadc.ledger.store import Ledger, Record
from cadc.pipeline.settings import Settings
from cadc.reporting.columns import MISSING, evaluated_on
from cadc.reporting.contents import content_labels
from cadc.reporting.metric_values import MetricValues
from cadc.reporting.missing import without_result
from cadc.reporting.points import Point, points
from cadc.reporting.saved import SavedRows
from cadc.reporting.sweeps.arm_names import arm_names
from cadc.reporting.table import table_of
from cadc.terminal.progress import say

WITHOUT_RESULT = ("failed", "interrupted", "running")
"""Statuses of runs whose cells say so; a pruned trial has no cell."""


def runs_table(
    records: Sequence[Record], ledger: Ledger, metrics: Sequence[str] = (), columns: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the table of runs, a row for each arm, rate and scheme, on each data set; see `points_table`.

    Parameters
    ----------
    records : of runs that are evaluated on the same part, and those that stand for runs without a result.
    """
    return points_table(points(named_runs(records)), ledger, metrics, columns)


def points_table(
    rows: Sequence[Point], ledger: Ledger, metrics: Sequence[str] = (), columns: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the table of the points of runs, see `table_of`.

    Parameters
    ----------
    rows : the points of `named_runs`.
    ledger : with their scores, for metrics that records lack.
    metrics, columns : see `table_of`; metrics of validation where that part alone was evaluated.
    """
    records = [record for point in rows for record in point.records]
    if not metrics and all(evaluated_on(record) == "validation" for record in records):
        tasks = dict.fromkeys(record["task"] for record in records)
        metrics = [f"{VALIDATION}{name}" for task in tasks for name in SAVED[task].leading]
    return table_of(rows, metrics, columns, MetricValues(SavedRows(ledger)))


def named_runs(records: Sequence[Record]) -> list[tuple[str, Record]]:
    """Return arm and record of each run; names of data sets tell different contents of one apart."""
    apart = _with_contents_apart(records)
    return list(zip(arm_names(apart), apart, strict=True))


def records_of(entries: Sequence[Entry]) -> list[Record]:
    """Return a record for each configuration among the entries of a ledger.

    Of several runs of one configuration on one content, the latest made by the present code counts, else the latest;
    a run without a result counts where no other has one. Runs that were evaluated on validation alone, as those of
    trials are, count where no run was tested. What is left out is said on standard error.

    Parameters
    ----------
    entries : of the ledger.

    Raises
    ------
    UsageError : where no entry is a run that a table can show.
    """
    finished: dict[str, list[tuple[Settings, Record]]] = {}
    others: dict[str, Record] = {}
    unreadable = []
    for entry in sorted(entries, key=lambda entry: str(entry.known.get("finished_at"))):
        if entry.status not in ("finished", *WITHOUT_RESULT):
            continue
        try:
            settings, record = _read(entry)
        except CadcError as error:
            unreadable.append(f"run {entry.run_id}: {one_line(str(error))}")
            continue
        if MISSING in record:
            others[signature(settings)] = record
        else:
            key = content_signature(settings, record["data"]["content_hash"])
            finished.setdefault(key, []).append((settings, record))
    kept = [_latest(own) for own in finished.values()]
    have_results = {signature(settings) for settings, _ in kept}
    found = [record for _, record in kept] + [own for key, own in others.items() if key not in have_results]
    tested = [record for record in found if evaluated_on(record) == "test"]
    if unreadable:
        say(f"{len(unreadable)} of {len(entries)} runs cannot be shown, the first: {unreadable[0]}")
    if n_earlier := sum(map(len, finished.values())) - len(kept):
        say(f"{n_earlier} runs are left out: the same configuration was run again later, or with the present code")
    if tested and len(tested) < len(found):
        n_trials = len(found) - len(tested)
        say(f"{n_trials} runs were evaluated on validation alone; evaluate=validation shows them")
    if not found:
        raise UsageError("no run that was asked for has a result; `cadc ledger list` shows what there is.")
    return tested or found


def _read(entry: Entry) -> tuple[Settings, Record]:
    """Return settings and record of a run."""
    if entry.status == "finished" or entry.known.get("unreachable"):
        check_record(entry.known, entry.run_id)
        return recorded_settings(entry.known), entry.known
    if not part(entry.known, "config"):
        raise CadcError("its configuration is not known.")
    settings = recorded_settings(entry.known)
    return settings, without_result(settings, entry.status)


def _latest(runs: Sequence[tuple[Settings, Record]]) -> tuple[Settings, Record]:
    if len(runs) == 1:
        return runs[0]
    code = run_code(runs[0][0])
    return ([own for own in runs if own[1]["code"]["hash"] == code] or runs)[-1]


def _with_contents_apart(records: Sequence[Record]) -> list[Record]:
    """Return the records; where runs of one data set read different contents, its name tells them apart."""
    labels = content_labels([record for record in records if MISSING not in record])
    named = []
    for record in records:
        data: Mapping[str, Any] = record["data"]
        label = None if MISSING in record else labels.get(record["id"])
        named.append({**record, "data": {**data, "name": f"{data['name']}, content {label}"} if label else data})
    return named
