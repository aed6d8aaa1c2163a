"""How records name the metrics of a part: `test/auc`, `val/ndcg@10`."""

from collections.abc import Mapping

TEST, VALIDATION = "test/", "val/"
SEGMENTS = "segments/"
"""Before the name of a metric: its mean over the segments of a stream, which records hold segment by segment."""

PREFIX = {"test": TEST, "validation": VALIDATION}
"""By the name of the part, as the key `evaluate` of a run names it."""


def prefixed(part: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Return metrics of a part under the names that records give them.

    >>> prefixed("validation", {"auc": 0.7})
    {'val/auc': 0.7}
    """
    return {f"{PREFIX[part]}{name}": value for name, value in metrics.items()}


def without_prefix(name: str) -> str:
    """Return the metric in the name of a column.

    >>> without_prefix("val/auc"), without_prefix("segments/auc"), without_prefix("auc")
    ('auc', 'auc', 'auc')
    """
    return name.removeprefix(VALIDATION).removeprefix(SEGMENTS)


def of_part(part: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Return those metrics of a record, or of a row of the history, that are of a part, without its prefix.

    >>> of_part("test", {"test/auc": 0.7, "val/auc": 0.8, "epoch": 2})
    {'auc': 0.7}
    """
    prefix = PREFIX[part]
    return {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)}
