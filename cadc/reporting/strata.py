"""Metrics of a table by stratum: rows of active, new and coherent users, of known and new items."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from cadc.errors import UsageError
from cadc.evaluation.metrics.lookup import comparable_metric
from cadc.evaluation.statistics.seeds import seed_interval
from cadc.evaluation.strata import by_activity, by_quarter, metrics_by_stratum, warm_and_cold
from cadc.evaluation.user_coherence import COHERENCE
from cadc.ledger.store import Ledger, Record
from cadc.provenance.fingerprint import digest
from cadc.reporting.points import Point, names_of
from cadc.reporting.saved import SavedRows, read_kept

FILE = "strata.csv"
SHOWN = ("dataset", "arm", "rate", "by", "stratum", "seeds", "n_rows", "n_users")

COUNTS = tuple(f"{side}_rows_{part}" for side in ("user", "item") for part in ("sample", "train"))
"""Columns of saved rows: how many rows the row's user and item have in the sample and in the training part."""


def strata(
    rows: Sequence[Point], metrics: Sequence[str], ledger: Ledger | None, committed: Sequence[Path] = ()
) -> pd.DataFrame | None:
    """Return metrics of every row of a table by activity and coherence of users, and by warm and cold pairs.

    They are computed from the saved rows of the runs, or read from strata of the same runs that are kept beside
    results. Values are means over seeds; `_ci` is half the width of the 95 % t interval.

    Parameters
    ----------
    rows : points of the table.
    metrics : metrics of the table; those that strata cannot be compared by (`ece`) are left out.
    ledger : ledger with the runs' saved rows; None has none.
    committed : folders of results.

    Returns
    -------
    strata : a line for each row, kind of stratum and stratum; None if no run has users or items.
    """
    metrics = _of_one_file(metrics)
    if not metrics:
        return None
    saved, file = SavedRows(ledger), comparable_metric(metrics[0]).table.file
    kept = _Kept(metrics, rows, saved, committed)
    if kept.whole is not None:
        return _typed(kept.whole)
    lines: list[dict[Any, Any]] = []
    for row, name in zip(rows, names_of(rows), strict=True):
        runs = _runs(metrics, row)
        if not kept.has_rows(row):
            lines += kept.lines(row)
            continue
        parts = [part for record in row.results for part in _of_run(saved.read(record, file), record, metrics)]
        if parts:
            means = _means(row, pd.concat(parts, ignore_index=True), metrics)
            lines += [line | {"arm": name, "runs": runs} for line in means]
    return _typed(pd.DataFrame(lines, columns=_columns(metrics))) if lines else None


def runs_to_read(
    rows: Sequence[Point], metrics: Sequence[str], ledger: Ledger | None, committed: Sequence[Path]
) -> set[str]:
    """Return the ids of the runs whose saved rows `strata` lacks, of points that no kept strata are of.

    None are needed where no results have strata, as those of logs without users or items.
    """
    metrics = _of_one_file(metrics)
    if not metrics or not any((folder / FILE).exists() for folder in committed):
        return set()
    kept = _Kept(metrics, rows, SavedRows(ledger), committed)
    if kept.whole is not None:
        return set()
    left = [row for row in rows if not kept.has_rows(row) and not kept.lines(row)]
    return {record["id"] for row in left for record in row.results if not kept.has(record)}


class _Kept:
    """Strata that are kept beside results, of the points whose saved rows are gone.

    Parameters
    ----------
    metrics, rows : of the table.
    saved : rows that runs saved.
    committed : folders of results.
    """

    def __init__(
        self, metrics: Sequence[str], rows: Sequence[Point], saved: SavedRows, committed: Sequence[Path]
    ) -> None:
        self.metrics, self.saved = metrics, saved
        self.file = comparable_metric(metrics[0]).table.file
        paths = [] if all(map(self.has_rows, rows)) else [folder / FILE for folder in committed]
        frames = [read_kept(path, _columns(metrics), ["runs", "stratum"]) for path in paths]
        # Strata of earlier versions have one hash of all points of a table.
        whole = digest([metrics, [[record["id"] for record in row.results] for row in rows]])
        self.whole = next((frame for frame in frames if frame is not None and set(frame["runs"]) == {whole}), None)
        """Strata of all points together; None where none are kept."""
        self._lines: dict[str, list[dict[Any, Any]]] = {}
        for frame in frames:
            for runs, own in frame.groupby("runs", sort=False) if frame is not None else ():
                self._lines.setdefault(str(runs), own.to_dict("records"))

    def has(self, record: Record) -> bool:
        """Tell whether the rows of a run are in the ledger."""
        return self.saved.has(record["id"], self.file)

    def has_rows(self, row: Point) -> bool:
        """Tell whether the rows of all runs of a point are in the ledger."""
        return all(map(self.has, row.results))

    def lines(self, row: Point) -> list[dict[Any, Any]]:
        """Return the strata of a point; none where none are kept."""
        return self._lines.get(_runs(self.metrics, row), [])


def _runs(metrics: Sequence[str], row: Point) -> str:
    """Return a hash of the runs of a point."""
    return digest([metrics, [record["id"] for record in row.results]])


def _columns(metrics: Sequence[str]) -> list[str]:
    return [*SHOWN, *(f"{name}_{kind}" for name in metrics for kind in ("mean", "ci")), "runs"]


def _of_one_file(metrics: Sequence[str]) -> list[str]:
    """Return the comparable metrics that read the same file as the first of them."""
    found = []
    for name in metrics:
        with suppress(UsageError):
            found.append(comparable_metric(name))
    return [metric.name for metric in found if metric.task == found[0].task]


def _of_run(rows: pd.DataFrame, record: Record, metrics: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Yield the strata of one run, a frame for each kind of stratum."""
    if not set(COUNTS) <= set(rows):
        return
    # A model without a sample has seen the whole training part.
    has_sample = record["rows"].get("kept") is not None
    for part, name in (("sample", "the sample"), ("train", "training")):
        if part == "sample" and not has_sample:
            continue
        user, item = (rows[f"{side}_rows_{part}"].to_numpy() for side in ("user", "item"))
        for by, stratum in (
            (f"rows of the user in {name}", by_activity(user)),
            (f"seen in {name}", warm_and_cold(user, item)),
        ):
            yield metrics_by_stratum(rows, stratum, metrics).assign(by=by)
    # Runs of before, and of logs whose users have too many pairs of items, have no such columns.
    for name, by in zip(COHERENCE, ("surprise of the user", "conditional surprise of the user"), strict=True):
        if name in rows and rows[name].notna().any():
            stratum = by_quarter(rows[name].to_numpy(), rows["user"])
            yield metrics_by_stratum(rows, stratum, metrics).assign(by=by)


def _means(row: Point, found: pd.DataFrame, metrics: Sequence[str]) -> Iterator[dict[str, Any]]:
    for (by, stratum), seeds in found.groupby(["by", "stratum"], sort=False, observed=True):
        line: dict[str, Any] = {name: row.columns[name] for name in ("dataset", "arm", "rate")}  # in this order
        line |= {"by": by, "stratum": stratum, "seeds": len(seeds)}
        line |= {name: round(seeds[name].mean()) for name in ("n_rows", "n_users") if seeds[name].notna().all()}
        for metric in metrics:
            values = seeds[metric].dropna()
            if len(values):
                interval = seed_interval(values)
                half = (interval.high - interval.low) / 2
                line |= {f"{metric}_mean": round(interval.mean, 6), f"{metric}_ci": round(half, 6)}
        yield line


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Set the types of columns that may have empty lines."""
    return frame.astype({"n_rows": "Int64", "n_users": "Int64", "rate": "float64"})
