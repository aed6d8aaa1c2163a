"""The pairs of a comparison: which points of a table are compared, and which of their runs are paired."""

from collections.abc import Sequence
from typing import Any

from cadc.experiment import Reference
from cadc.ledger.store import Record
from cadc.pipeline.seeds import seeds_of
from cadc.reporting.points import Point


def counterpart(reference: Reference, row: Point, rows: Sequence[Point]) -> Point | None:
    """Return the row of the same data set that this row is compared with; the row itself if it is the reference."""
    found = [other for other in rows if other.arm == reference.arm]
    found = [other for other in found if _data(other) == _data(row)]
    named = {"rate": reference.rate, "embedding": reference.embedding}
    for column, value in named.items():
        if value is not None:
            found = [other for other in found if other.columns[column] == value]
    if row.arm == reference.arm and not any(named.values()):
        return row
    for column in ("rate", "dim", "embedding", "ratio"):
        # A column in which all agree, such as the rate of full data, does not matter.
        if len({other.columns[column] for other in found}) > 1:
            found = [other for other in found if other.columns[column] == row.columns[column]]
    if len(found) != 1:
        return None
    is_compared = found[0] is row or reference.concerns(row.arm, row.columns["rate"], row.columns["embedding"])
    return found[0] if is_compared else None


def _data(point: Point) -> list[Any]:
    """Return what distinguishes data of the same name: options and split."""
    options = point.records[0]["config"]["data"]
    return [point.columns["dataset"], {key: value for key, value in options.items() if key != "split_seed"}]


def pairs(row: Point, other: Point) -> list[tuple[Record, Record]]:
    """Return the runs of both points on one split with the same seeds; a model that draws nothing counts for all seeds.

    Splits are equal if their rows are: a split by time, which draws nothing, is the same for all seeds.
    """
    return [
        (mine, theirs)
        for mine in row.results
        for theirs in other.results
        if mine["data"]["content_hash"] == theirs["data"]["content_hash"]
        and (not (_is_drawn(mine) and _is_drawn(theirs)) or _drawn_with(mine) == _drawn_with(theirs))
    ]


def _is_drawn(record: Record) -> bool:
    """Tell whether a run depends on the seeds of sample or weights, or on that of a factorisation that follows them."""
    return bool({"trainer", "sampler"} & set(record["uses"])) or _has_own_factors(record)


def _has_own_factors(record: Record) -> bool:
    """Tell whether a run has factors that were drawn with its seed; biases alone were not."""
    is_drawn = "factorization" in record["uses"] and record["factor_dim"] != 0
    return is_drawn and record["config"]["factorization"].get("seed", 0) is None


def _drawn_with(record: Record) -> tuple[int, int]:
    seeds = seeds_of(record["config"])
    if {"trainer", "sampler"} & set(record["uses"]):
        return seeds.sample, seeds.weights
    return seeds.factorization, seeds.factorization
