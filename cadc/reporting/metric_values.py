"""Metrics of runs: as recorded, else computed from the scores or ranks that the runs saved."""

from collections.abc import Iterator, Sequence
from typing import Any

from cadc.errors import DataError
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.metrics.metric import Metric
from cadc.evaluation.prefixes import VALIDATION
from cadc.experiment.columns import is_metric_column
from cadc.ledger.store import Record
from cadc.reporting.columns import evaluated_on, value_of
from cadc.reporting.saved import SavedRows


class MetricValues:
    """Looks up metrics in records, and computes those that a record lacks from its run's saved rows.

    Parameters
    ----------
    saved : rows that runs saved.
    names : of the metrics and columns that will be asked for; a run's file is read once for all of them.
    """

    def __init__(self, saved: SavedRows, names: Sequence[str] = ()) -> None:
        self.saved, self.names = saved, tuple(filter(is_metric_column, names))
        self._computed: dict[str, dict[str, float]] = {}
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
        if record["id"] not in self._computed:
            names = dict.fromkeys((*self.names, name))
            self._computed[record["id"]] = dict(self._compute(record, list(names)))
        return self._computed[record["id"]].get(name)

    def _compute(self, record: Record, names: Sequence[str]) -> Iterator[tuple[str, float]]:
        """Yield the metrics of a run that its record lacks, and note those that cannot be computed."""
        for name in (name for name in names if value_of(record, name) is None):
            found = metric(name.removeprefix(VALIDATION))
            if found.task != record.get("task", "ctr"):
                continue  # a table may show runs of both tasks
            reason = self._obstacle(record, name, found)
            try:
                if reason is None:
                    yield name, found.value(self.saved.read(record, found.table.file))
            except DataError as error:
                reason = str(error).rstrip(".")
            if reason is not None:
                self._missing.setdefault((name, reason), []).append(record["id"])

    def _obstacle(self, record: Record, name: str, found: Metric) -> str | None:
        """Return why a metric cannot be computed from the saved rows of a run, or None."""
        file = found.table.file
        if name.startswith(VALIDATION) and evaluated_on(record) == "test":
            return f"{file} holds the test part, not validation"
        if not self.saved.has(record["id"], file):
            return f"{file} is not in the ledger"
        lacking = sorted(set(found.columns) - set(self.saved.read(record, file)))
        return f"{file} has no column {', '.join(lacking)}" if lacking else None

    @property
    def notes(self) -> list[str]:
        """A sentence for each metric that some runs lack, and the reason."""
        found = []
        for (name, reason), runs in self._missing.items():
            which = f"run {runs[0]}" if len(runs) == 1 else f"{len(runs)} runs ({runs[0]}, …)"
            found.append(f"{name} is empty for {which}: {reason}.")
        return found
