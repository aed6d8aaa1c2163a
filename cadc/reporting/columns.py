"""The columns of a table: their values in a record, and how heads and cells show them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.prefixes import PREFIX, SEGMENTS, VALIDATION, without_prefix
from cadc.evaluation.saved_tables import SAVED, Task
from cadc.evaluation.statistics.printed import p_text
from cadc.evaluation.statistics.verdict import LEVEL
from cadc.experiment.columns import PLACES, is_metric_column

HEADS = {
    "p_holm": "p (Holm)",
    "p_margin_holm": "p of the margin (Holm)",
    "rows_kept": "rows",
    "total_s_mean": "seconds",
    "embedding_bytes": "table bytes",
    "compressed_ratio_mean": "measured ratio",
    "model_ratio_mean": "ratio of all tables",
    "lookup_ns_mean": "ns a look-up",
    "psnr_mean": "PSNR (dB)",
    "over_budget": "bytes over budget",
    "held_bytes": "most bytes held",
    "regret_to_truth": "regret to the truth",
}

COSTS = ("rows_kept", "total_s_mean", "embedding_bytes")
"""Columns of costs that tables show beside their metrics, in this order."""

MARGIN = "margin"
"""Attribute of a table: the margin of its only reference, which intervals in print are held against."""

LEVELS = {"p_holm": LEVEL, "p_margin_holm": LEVEL / 2}
"""Columns of p values, two-sided and one-sided, and the level that each is held against."""

UNITS = {"_s": " (s)", "_mb": " (MB)"}
"""Ends of columns that tell the unit."""

COUNTED = ("compressed_bytes", "index_bytes", "over_budget", "reservoir_bytes", "held_bytes")
"""Columns of bytes that are neither in the part `bytes` nor `rows` of a record."""

MISSING = "missing"
"""Column of a table that lacks results: what became of each row's runs without one, such as `1 failed`. It is the key
of a record that stands for such a run, see `cadc.reporting.missing`."""


def metrics_of(asked: Iterable[str], records: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the metrics of a table: those that are asked for, else the leading ones of its runs' tasks.

    Where there are streams, means over segments follow those of all segments together.
    """
    records = list(records)
    tasks: dict[Task, None] = dict.fromkeys(record.get("task") or "ctr" for record in records)
    leading = tuple(dict.fromkeys(name for task in tasks for name in SAVED[task].leading))
    of_streams = [f"{SEGMENTS}{name}" for name in leading] if any(map(is_stream, records)) else ()
    return tuple(asked) or (*leading, *of_streams)


def is_stream(record: Mapping[str, Any]) -> bool:
    """Tell whether a run followed the segments of a log."""
    return bool(record.get("segments"))


def value_of(record: Mapping[str, Any], name: str) -> Any:
    """Return what a record holds for a column, None where it holds nothing.

    Parameters
    ----------
    record : of a run.
    name : of a metric, which is that of the part that the run was evaluated on unless it begins with `val/`, and its
        mean over segments if it begins with `segments/`; a key of `PLACES`; or keys of the record joined by dots.
    """
    if name.startswith(SEGMENTS) and is_metric_column(name):
        return segment_mean(record, without_prefix(name))
    if is_metric_column(name):
        return record["metrics"].get(name if name.startswith(VALIDATION) else f"{PREFIX[evaluated_on(record)]}{name}")
    node: Any = record
    for key in PLACES.get(name) or name.split("."):
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def by_segment(record: Mapping[str, Any], name: str) -> dict[int, float]:
    """Return a metric of each segment of a stream, by the number of the segment; none where it is not recorded."""
    key = f"{PREFIX[evaluated_on(record)]}{name}"
    return {own["segment"]: own["metrics"][key] for own in record.get("segments", ()) if key in own["metrics"]}


def segment_mean(record: Mapping[str, Any], name: str) -> float | None:
    """Return the mean of a metric over the segments of a stream; None unless each of them has it."""
    values = by_segment(record, name).values()
    return sum(values) / len(values) if values and len(values) == len(record["segments"]) else None


def evaluated_on(record: Mapping[str, Any]) -> str:
    """Return the part that a run was evaluated on: `test` or `validation`."""
    return "validation" if record["config"].get("evaluate", "test") == "validation" else "test"


def higher_is_better(name: str) -> bool:
    """Tell which way a metric is better, that of validation included."""
    return metric(without_prefix(name)).higher_is_better


def label(name: str) -> str:
    """Return a metric as axes and heads show it.

    >>> label("auc"), label("ndcg@10"), label("recall@20"), label("logloss"), label("val/auc")
    ('AUC', 'NDCG@10', 'Recall@20', 'logloss', 'validation AUC')
    >>> label("segments/auc")
    'segment AUC'
    """
    shown = metric(without_prefix(name)).label
    if name.startswith(SEGMENTS):
        return f"segment {shown}"
    return f"validation {shown}" if name.startswith(VALIDATION) else shown


def head(column: str) -> str:
    """Return a column as the head of a printed table shows it."""
    if column in HEADS:
        return HEADS[column]
    name = column.removesuffix("_mean")
    if is_metric_column(name):
        return label(name)
    end = next((end for end in UNITS if name.endswith(end)), "")
    return name.removesuffix(end).replace("_", " ") + UNITS.get(end, "")


def decimals(column: str) -> int | None:
    """Return to how many decimals a column is rounded in a file; None leaves it as it is."""
    if is_metric_column(re.sub("_(mean|std|ci)$", "", column)):
        return 6
    return (
        2
        if column.endswith(("_s_mean", "_s", "_mb_mean", "_ratio_mean", "_index_mean", "_ns_mean", "psnr_mean"))
        else None
    )


def is_empty(value: Any) -> bool:
    """Tell whether a cell is empty: None, NaN or pandas' NA."""
    return value is None or str(value) in ("nan", "<NA>")


def is_count(column: str) -> bool:
    """Tell whether a column counts rows or bytes, which hardly depend on seeds."""
    return PLACES.get(column, ("",))[0] in ("rows", "bytes") or column in COUNTED


def shown_in(row: Mapping[Any, Any], column: str) -> str:
    """Return a cell of a row as people read it.

    Metrics of a row without a result are `n/a` where no run can have one, else what became of its runs.
    """
    is_mean = column.endswith("_mean") and is_metric_column(column.removesuffix("_mean"))
    if is_mean and row.get("seeds") == 0:
        return "n/a" if is_empty(row.get(MISSING)) else re.sub(r"\d+ ", "", str(row[MISSING]))
    return shown(column, row[column])


def shown(column: str, value: Any) -> str:
    """Return a cell of a table as people read it; an empty text for an empty cell.

    >>> shown("rows_kept", 800167), shown("total_s_mean", 3.14), shown("auc_mean", 0.81234)
    ('800,167', '3.1', '0.8123')
    """
    if is_empty(value):
        return ""
    if "_difference" in column:
        return f"{value:+.4f}"
    if column in LEVELS:
        return p_text(value, LEVELS[column])
    if is_metric_column(re.sub("_(mean|std|ci|published)$", "", column)):
        return f"{value:.4f}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    if is_count(column):
        return f"{int(value):,}"
    if column.endswith(("_s", "_s_mean")):
        return f"{value:,.1f}"
    return f"{value:g}" if isinstance(value, float) else str(value)
