"""Metrics of runs: as recorded, else computed from the scores or ranks that the runs saved."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from cadc.errors import CadcError, DataError
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.metrics.metric import Metric
from cadc.evaluation.prefixes import SEGMENTS, VALIDATION, without_prefix
from cadc.experiment.columns import is_metric_column
from cadc.ledger.store import Record
from cadc.reporting.columns import evaluated_on, value_of
from cadc.reporting.saved import SavedRows, read_kept

FILE = "computed_metrics.csv"
"""Metrics that the records beside it lack, kept for when the scores are gone."""

COLUMNS = ["run", "metric", "value"]


class MetricValues:
    """Looks up metrics in records, and computes those that a record lacks from its run's saved rows.

    Parameters
    ----------
    saved : rows that runs saved; None has none.
    kept : by run and metric, values that were computed before; they serve where the saved rows are gone.
    """

    def __init__(self, saved: SavedRows | None = None, kept: Mapping[tuple[str, str], float] | None = None) -> None:
        self.saved = saved or SavedRows(None)
        self.kept = kept or {}
        self.computed: dict[tuple[str, str], float] = {}
        """By run and metric, the values that records lack and that were asked for."""
        self._missing: dict[tuple[str, str], list[str]] = {}

    def __call__(self, record: Record, name: str) -> Any:
        """Return the value of a column for a run; None for a metric that is neither recorded nor can be computed.

        Raises
        ------
        CadcError : where a file of saved rows is not the one that its record names.
        """
        recorded = value_of(record, name)
        if recorded is not None or not is_metric_column(name):
            return recorded
        found = metric(without_prefix(name))
        if found.task != record.get("task", "ctr"):
            return None  # a table may show runs of both tasks
        key = (record["id"], name)
        if key not in self.computed:
            reason = self._compute(record, name, found)
            if reason is not None:
                self._missing.setdefault((name, reason), []).append(record["id"])
        return self.computed.get(key)

    def _compute(self, record: Record, name: str, found: Metric) -> str | None:
        """Compute a metric of a run; return why it cannot be computed, or None."""
        key, file = (record["id"], name), found.table.file
        if name.startswith(VALIDATION) and evaluated_on(record) == "test":
            return f"{file} holds the test part, not validation"
        if not self.saved.has(record["id"], file):
            if key not in self.kept:
                return f"{file} is not in the ledger"
            self.computed[key] = self.kept[key]
            return None
        rows = self.saved.read(record, file)
        columns = {*found.columns, *(["segment"] if name.startswith(SEGMENTS) else [])}
        if lacking := sorted(columns - set(rows)):
            return f"{file} has no column {', '.join(lacking)}"
        try:
            parts = [own for _, own in rows.groupby("segment")] if name.startswith(SEGMENTS) else [rows]
            self.computed[key] = fmean(found.value(own) for own in parts)
        except DataError as error:
            return str(error).rstrip(".")
        return None

    def runs_to_read(self, records: Iterable[Record], names: Iterable[str]) -> set[str]:
        """Return the ids of the runs whose saved rows are gone, and that lack a metric that is not kept either."""
        found = set()
        wanted = [(name, metric(without_prefix(name))) for name in names if is_metric_column(name)]
        for record in records:
            for name, own in wanted:
                is_own = own.task == record.get("task", "ctr") and not name.startswith(VALIDATION)
                is_gone = not self.saved.has(record["id"], own.table.file) and (record["id"], name) not in self.kept
                if is_own and is_gone and value_of(record, name) is None:
                    found.add(record["id"])
        return found

    @property
    def notes(self) -> list[str]:
        """A sentence for each metric that some runs lack, and the reason."""
        found = []
        for (name, reason), runs in self._missing.items():
            runs = list(dict.fromkeys(runs))
            which = f"run {runs[0]}" if len(runs) == 1 else f"{len(runs)} runs ({runs[0]}, …)"
            found.append(f"{name} is empty for {which}: {reason}.")
        return found

    def frame(self) -> pd.DataFrame:
        """Return what was computed as a table: run, metric, value."""
        return pd.DataFrame([(*key, value) for key, value in self.computed.items()], columns=COLUMNS)


def kept_metrics(committed: Sequence[Path]) -> dict[tuple[str, str], float]:
    """Return the metrics that are kept beside results, by run and metric.

    Raises
    ------
    CadcError : where a file of them cannot be read.
    """
    found: dict[tuple[str, str], float] = {}
    for path in (folder / FILE for folder in committed):
        frame = read_kept(path, COLUMNS, ["run", "metric"])
        if frame is None:
            continue
        if not is_numeric_dtype(frame["value"]):
            raise CadcError(f"{path} has values that are not numbers; restore it or delete it.")
        found |= {(run, name): value for run, name, value in zip(*(frame[column] for column in COLUMNS), strict=True)}
    return found
