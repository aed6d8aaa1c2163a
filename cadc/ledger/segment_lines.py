"""The segments of a stream as lines of a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from cadc.configuration.nested import part
from cadc.evaluation.prefixes import PREFIX
from cadc.ledger.safe_text import number
from cadc.terminal.aligned import Column, aligned

COUNTS = {
    "train": (("rows", "train"), 5),
    "test": (("rows", "test"), 3),
    "users": (("entities", "user"), 6),
    "items": (("entities", "item"), 6),
    "numbers": (("numbers",), 2),
    "bytes": (("bytes",), 7),
    "over budget": (("over_budget",), 7),
    "reservoir": (("reservoir_bytes",), 1),
}
"""Columns of whole numbers: where a segment holds them (of several numbers below a key the sum), and their weight."""

METRICS = ("auc", "logloss", "hr@10", "ndcg@10", "recall@20", "ndcg@20")
"""Metrics that have a column where a segment holds them; `--json` shows all."""

MOST = 500
"""Segments that have a line; records may come from anywhere."""


def segment_lines(record: Mapping[str, Any], width: int | None = None) -> list[str]:
    """Return the segments of a record as a table: rows, users, items, bytes, seconds and metrics of each.

    Parameters
    ----------
    record : of a stream; none of others.
    width : most characters of a line, for which columns are left out; None for as many as it takes.
    """
    found: Any = record.get("segments")
    segments = [own for own in found if isinstance(own, Mapping)][:MOST] if isinstance(found, Sequence) else []
    numbers = [number(own.get("segment")) for own in segments]
    columns = [Column("segment", [_whole(own + 1 if own is not None else None) for own in numbers], True, 9)]
    for name, (place, weight) in COUNTS.items():
        columns.append(Column(name, [_whole(_at(own, place)) for own in segments], True, weight))
    seconds = [_sum(part(own, "cost")) for own in segments]
    columns.append(Column("seconds", ["" if own is None else f"{own:.1f}" for own in seconds], True, 4))
    prefix = PREFIX.get(str(part(record, "config").get("evaluate", "test")), PREFIX["test"])
    for name in METRICS:
        values = [number(part(own, "metrics").get(f"{prefix}{name}")) for own in segments]
        cells = ["" if value is None else f"{value:.4f}" for value in values]
        columns.append(Column(f"{prefix}{name}", cells, True, 8))
    return aligned(columns, width)[0] if segments else []


def _at(own: Mapping[str, Any], place: Sequence[str]) -> float | None:
    node: Any = own
    for key in place:
        node = node.get(key) if isinstance(node, Mapping) else None
    return _sum(node) if isinstance(node, Mapping) else number(node)


def _sum(node: Mapping[str, Any]) -> float | None:
    values = [value for value in map(number, node.values()) if value is not None]
    return sum(values) if values else None


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
