"""Which point of a table is held against which, and which of their runs are paired."""

from collections.abc import Sequence
from typing import Any

from cadc.choices import seeds
from cadc.experiment import Reference
from cadc.ledger.store import Record
from cadc.reporting.points import Point


def counterpart(reference: Reference, row: Point, rows: Sequence[Point]) -> Point | None:
    """Return the row of the same data set that this one is compared with, itself if it is the reference's."""
    found = [other for other in rows if other.arm == reference.arm]
    found = [other for other in found if _data(other) == _data(row)]
    if reference.rate is not None:
        found = [other for other in found if other.columns["rate"] == reference.rate]
    elif row.arm == reference.arm:
        return row
    for column in ("rate", "dim"):
        if len(found) > 1:
            # A column that would leave none, as the rate of full data, tells nothing.
            found = [other for other in found if other.columns[column] == row.columns[column]] or found
    if len(found) != 1:
        return None
    is_compared = found[0] is row or reference.concerns(row.arm, row.columns["rate"])
    return found[0] if is_compared else None


def _data(point: Point) -> list[Any]:
    """Return what tells the data of a point from others of the same name: its options and its split."""
    options = point.records[0]["config"]["data"]
    return [point.columns["dataset"], {key: value for key, value in options.items() if key != "split_seed"}]


def pairs(row: Point, other: Point) -> list[tuple[Record, Record]]:
    """Return the runs of both that share their seeds; a model without training serves every seed of its split."""
    return [
        (mine, theirs)
        for mine in row.records
        for theirs in other.records
        if mine["config"]["data"]["split_seed"] == theirs["config"]["data"]["split_seed"]
        and (not (_is_drawn(mine) and _is_drawn(theirs)) or seeds(mine["config"]) == seeds(theirs["config"]))
    ]


def _is_drawn(record: Record) -> bool:
    """Tell whether a run depends on the seeds of sample or weights."""
    return bool({"trainer", "sampler"} & set(record["uses"]))
