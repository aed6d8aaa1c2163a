"""The columns of a table: where in a record each comes from, how it is summed up over seeds, and how it is shown."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cadc.errors import UsageError

OF_TASK = {"ctr": ("auc", "logloss"), "ranking": ("hr@10", "ndcg@10")}
"""Metrics of a table whose experiment names none."""

OF_SCORES = ("auc", "logloss", "gauc", "ece", "cold_share", "mrr")
METRIC = re.compile(r"(val/)?(auc|logloss|gauc|ece|cold_share|mrr|(hr|ndcg|recall)@[1-9]\d*)")

MEASURED = ("rows_kept", "total_s", "embedding_bytes")
"""Columns of every table beside the metrics."""

SECONDS = ("prepare_s", "sample_s", "factorize_s", "initialise_s", "train_s", "evaluate_s", "total_s")
PLACES = {
    **{name: ("cost", name) for name in (*SECONDS, "epochs", "best_epoch", "factorize_epochs", "peak_rss_mb")},
    "examples_per_s": ("cost", "examples_per_s"),
    **{f"rows_{name}": ("rows", name) for name in ("kept", "full", "factorized", "validation")},
    **{f"{name}_bytes": ("bytes", name) for name in ("embedding", "optimizer")},
    "compressed_bytes": ("tables", "bytes"),
    "index_bytes": ("tables", "index_bytes"),
    "compressed_ratio": ("tables", "ratio"),
    "ratio_without_index": ("tables", "ratio_without_index"),
    "model_ratio": ("tables", "ratio_model"),
    "lookup_ns": ("tables", "lookup_ns"),
    "psnr": ("tables", "psnr"),
}
"""Columns that are no metrics: part and key of a record."""

HIGHER_IS_BETTER = {"auc", "gauc", "hr", "ndcg", "recall", "mrr"}

LABELS = {"auc": "AUC", "gauc": "GAUC", "ece": "calibration error", "mrr": "MRR", "cold_share": "cold share"}
HEADS = {
    "rows_kept": "rows",
    "total_s_mean": "seconds",
    "embedding_bytes": "table bytes",
    "compressed_ratio_mean": "measured ratio",
    "model_ratio_mean": "ratio of all tables",
    "lookup_ns_mean": "ns a look-up",
    "psnr_mean": "PSNR (dB)",
}


def check_metric(name: str) -> None:
    """Raise a UsageError for a metric that no run has."""
    if not METRIC.fullmatch(name):
        raise UsageError(
            f"metrics: there is no metric {name!r}; there are {', '.join(OF_SCORES)}, hr@K, ndcg@K, recall@K."
        )


def check_column(name: str) -> None:
    """Raise a UsageError for a column that is neither a metric, a cost, rows or bytes, nor the place of a value."""
    if not METRIC.fullmatch(name) and name not in PLACES and "." not in name:
        raise UsageError(
            f"columns: there is no column {name!r}; there are the metrics, {', '.join(PLACES)}, and places in a "
            "record such as sample.effective_size."
        )


def metrics_of(asked: Iterable[str], records: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the metrics of a table: those that are asked for, else those of its runs' tasks."""
    tasks = dict.fromkeys(str(record.get("task") or "ctr") for record in records)
    return tuple(asked) or tuple(dict.fromkeys(name for task in tasks for name in OF_TASK[task]))


def value_of(record: Mapping[str, Any], name: str) -> Any:
    """Return what a record holds for a column, None where it has nothing there.

    Parameters
    ----------
    record : of a run. A metric is that of the part which the run was evaluated on.
    name : of a metric, a key of `PLACES`, or keys of the record joined by dots.
    """
    if METRIC.fullmatch(name):
        part = "val" if record["config"].get("evaluate", "test") == "validation" else "test"
        return record["metrics"].get(name if name.startswith("val/") else f"{part}/{name}")
    node: Any = record
    for key in PLACES.get(name) or name.split("."):
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def higher_is_better(metric: str) -> bool:
    """Tell which way a metric is better."""
    return metric.removeprefix("val/").partition("@")[0] in HIGHER_IS_BETTER


def label(metric: str) -> str:
    """Return a metric as axes and heads name it.

    >>> label("auc"), label("ndcg@10"), label("recall@20"), label("logloss"), label("val/auc")
    ('AUC', 'NDCG@10', 'Recall@20', 'logloss', 'validation AUC')
    """
    name = metric.removeprefix("val/")
    kind, at, k = name.partition("@")
    shown = LABELS.get(name, (kind.capitalize() if kind == "recall" else kind.upper()) + at + k if at else name)
    return f"validation {shown}" if metric.startswith("val/") else shown


def head(column: str) -> str:
    """Return a column as the head of a printed table names it."""
    if column in HEADS:
        return HEADS[column]
    name = column.removesuffix("_mean")
    return label(name) if METRIC.fullmatch(name) else name.replace("_", " ")


def decimals(column: str) -> int | None:
    """Return to how many decimals a column is rounded in a file; None leaves it as it is."""
    if METRIC.fullmatch(re.sub("_(mean|std|ci)$", "", column)):
        return 6
    return (
        2
        if column.endswith(("_s_mean", "_s", "_mb_mean", "_ratio_mean", "_index_mean", "_ns_mean", "psnr_mean"))
        else None
    )


def is_empty(value: Any) -> bool:
    """Tell whether a cell holds nothing: None, NaN or pandas' NA."""
    return value is None or str(value) in ("nan", "<NA>")


def shown_in(row: Mapping[Any, Any], column: str) -> str:
    """Return a cell of a row as it stands in a paper; `n/a` for the metrics of one that no run could have."""
    is_mean = column.endswith("_mean") and METRIC.fullmatch(column.removesuffix("_mean"))
    return "n/a" if is_mean and row.get("seeds") == 0 else shown(column, row[column])


def shown(column: str, value: Any) -> str:
    """Return a cell of a table as it stands in a paper; an empty text for what does not apply."""
    if is_empty(value):
        return ""
    if "_difference" in column:
        return f"{value:+.4f}"
    if column.startswith("p_holm"):
        return "<0.001" if value < 0.001 else f"{value:.3f}"
    if METRIC.fullmatch(re.sub("_(mean|std|ci)$", "", column)):
        return f"{value:.4f}"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
