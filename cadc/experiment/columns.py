"""The columns that an experiment may ask for: metrics, costs, rows and bytes, and where a record holds these."""

from cadc.errors import UsageError
from cadc.evaluation.metrics.lookup import is_metric, metric
from cadc.evaluation.prefixes import without_prefix

MEASURED = ("rows_kept", "total_s", "embedding_bytes")
"""Columns of every table beside the metrics."""

SECONDS = ("prepare_s", "sample_s", "factorize_s", "views_s", "initialise_s", "train_s", "evaluate_s", "total_s")
PLACES = {
    **{
        name: ("cost", name)
        for name in (*SECONDS, "epochs", "best_epoch", "factorize_epochs", "peak_rss_mb", "energy_kwh")
    },
    "examples_per_s": ("cost", "examples_per_s"),
    **{f"rows_{name}": ("rows", name) for name in ("kept", "full", "factorized", "validation")},
    **{f"{name}_bytes": ("bytes", name) for name in ("embedding", "optimizer", "model")},
    "compressed_bytes": ("tables", "bytes"),
    "index_bytes": ("tables", "index_bytes"),
    "compressed_ratio": ("tables", "ratio"),
    "ratio_without_index": ("tables", "ratio_without_index"),
    "model_ratio": ("tables", "ratio_model"),
    "lookup_ns": ("tables", "lookup_ns"),
    "psnr": ("tables", "psnr"),
}
"""Columns that are not metrics: part and key of a record."""


OF_STREAMS = ("over_budget", "reservoir_bytes", "held_bytes", "regret", "regret_to_truth")
"""Columns of streams: the most bytes by which a segment exceeds its budget, as they are counted from exported files;
the bytes of the reservoir at the end; the most bytes of tables and reservoir together; and what
`cadc.reporting.streams.regret` returns of the last segment."""


def is_metric_column(name: str) -> bool:
    """Tell whether a column is a metric of the part that runs are evaluated on, of its segments, or of validation.

    >>> is_metric_column("auc"), is_metric_column("val/ndcg@10"), is_metric_column("test/auc")
    (True, True, False)
    """
    return is_metric(without_prefix(name))


def check_metric(name: str) -> None:
    """Raise a UsageError for a metric that does not exist."""
    try:
        metric(without_prefix(name))
    except UsageError as error:
        raise UsageError(f"metrics: {error}") from error


def check_column(name: str) -> None:
    """Raise a UsageError for a column that is neither a metric, a cost, rows or bytes, nor the place of a value."""
    known = (*PLACES, *OF_STREAMS)
    if not is_metric_column(name) and name not in known and "." not in name:
        raise UsageError(
            f"columns: there is no column {name!r}; there are the metrics, {', '.join(known)}, and places in a "
            "record such as sample.effective_size."
        )
