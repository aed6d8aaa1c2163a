"""The table of an experiment: a row for each point; means, standard deviations and intervals over seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cadc.evaluation.statistics.seeds import seed_interval
from cadc.experiment.columns import MEASURED, OF_STREAMS
from cadc.ledger.store import Record
from cadc.reporting.columns import MISSING, decimals, is_count, is_empty, metrics_of
from cadc.reporting.metric_values import MetricValues
from cadc.reporting.missing import missing_note, states_of
from cadc.reporting.points import ARM_COLUMNS, OPTIONAL_COLUMNS, Point, points
from cadc.reporting.streams.columns import add_stream_columns
from cadc.reporting.timing import timing, timing_notes
from cadc.reporting.written.latex import latex
from cadc.reporting.written.markdown import markdown_table
from cadc.storage.csv_tables import csv_text


def build_table(
    runs: Sequence[tuple[str, Record]],
    metrics: Sequence[str] = (),
    columns: Sequence[str] = (),
    values: MetricValues | None = None,
    present: Sequence[Mapping[str, Any]] = (),
) -> pd.DataFrame:
    """Return the table of (arm, record) pairs, one row for each point; see `table_of` for the other arguments.

    Parameters
    ----------
    runs : arm and record of each; a run without a result has a record of `cadc.reporting.missing`.
    present : parts `data` of the logs as they are now, see `require_one_content`.
    """
    return table_of(points(runs, present), metrics, columns, values)


def table_of(
    rows: Sequence[Point],
    metrics: Sequence[str] = (),
    columns: Sequence[str] = (),
    values: MetricValues | None = None,
) -> pd.DataFrame:
    """Return the table of points, one row for each.

    `seeds` counts the runs behind a row; one that failed, or whose scheme cannot meet its budget, has none. Where runs
    failed or were not carried out, the column `missing` says how many of a row. Of every metric there are
    `NAME_mean`, `NAME_std`, the standard deviation of a sample (n - 1), and `NAME_ci`, half the width of the 95 % t
    interval; these two are empty for one run. The attribute `metrics` of the table names them, `timing` what its
    seconds were taken on, and `note` holds the lines that are shown below it.

    Parameters
    ----------
    rows : the points; a run without a result has a record of `cadc.reporting.missing`.
    metrics : metrics such as `auc` or `ndcg@10`; empty takes those of the task.
    columns : further columns, see `cadc.experiment.columns`.
    values : computes the metrics that records lack; None computes none. Where one cannot be computed, cells are empty
        and the attribute `note` says why.
    """
    records = [record for point in rows for record in point.records]
    metrics = metrics_of(metrics, records)
    extra = [name for name in dict.fromkeys((*MEASURED, *columns)) if name not in (*metrics, *OF_STREAMS)]
    values = values or MetricValues()
    table = pd.DataFrame([_row(point, metrics, extra, values) for point in rows])
    table = table.drop(columns=[name for name in OPTIONAL_COLUMNS if table[name].isna().all()])
    whole = dict.fromkeys(["dim", *filter(is_count, extra)], "Int64")
    numbers = dict.fromkeys([f"{metric}_{kind}" for metric in metrics for kind in ("mean", "std", "ci")], "float64")
    table = add_stream_columns(table.astype(whole | numbers), rows, metrics, columns)
    table.attrs["metrics"] = metrics
    with_result = [record for record in records if MISSING not in record]
    table.attrs["timing"] = tuple(timing(with_result))
    if missing := missing_note(rows):
        table.attrs[MISSING] = missing
        table.insert(list(table).index("seeds") + 1, MISSING, [states_of(point) for point in rows])
    if notes := [*filter(None, [missing]), *values.notes, *timing_notes(with_result)]:
        table.attrs["note"] = "\n".join(notes)
    return table


def _row(point: Point, metrics: Sequence[str], extra: Sequence[str], value_of: MetricValues) -> dict[str, Any]:
    row: dict[str, Any] = {**{name: point.columns[name] for name in ARM_COLUMNS}, "seeds": len(point.results)}
    for metric in metrics:
        row |= _over_seeds(metric, [value_of(record, metric) for record in point.results])
    for name in extra:
        values = [value for record in point.results if not is_empty(value := value_of(record, name))]
        if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
            row[name] = ", ".join(dict.fromkeys(map(str, values)))
        elif is_count(name):
            row[name] = values[0] if values else None
        else:
            row[f"{name}_mean"] = _rounded(f"{name}_mean", sum(values) / len(values) if values else None)
    return row


def _over_seeds(metric: str, values: Sequence[Any]) -> dict[str, float | None]:
    """Return mean, standard deviation and half the interval of a metric; empty where a run lacks it."""
    if not values or any(map(is_empty, values)):
        return dict.fromkeys([f"{metric}_mean", f"{metric}_std", f"{metric}_ci"])
    interval = seed_interval(values)
    found = {
        f"{metric}_mean": interval.mean,
        f"{metric}_std": float(pd.Series(values, dtype=float).std(ddof=1)),
        f"{metric}_ci": (interval.high - interval.low) / 2,
    }
    return {name: _rounded(name, value) for name, value in found.items()}


def _rounded(name: str, value: float | None) -> float | None:
    places = decimals(name)
    return value if value is None or places is None else round(value, places)


def write_table(table: pd.DataFrame, folder: Path) -> None:
    """Write `table.csv` for machines, `table.md` and `table.tex` for people, the notes below the table."""
    (folder / "table.csv").write_text(csv_text(table), encoding="utf-8")
    (folder / "table.md").write_text(markdown_text(table), encoding="utf-8")
    (folder / "table.tex").write_text(latex(table), encoding="utf-8")


def markdown_text(table: pd.DataFrame) -> str:
    """Return a table in Markdown with the notes below it."""
    return markdown_table(table) + (f"\n{table.attrs['note']}\n" if "note" in table.attrs else "")
