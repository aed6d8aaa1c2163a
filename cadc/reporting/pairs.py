"""The pairs of a comparison: which points of a table are compared, and which of their runs are paired."""

from collections.abc import Mapping, Sequence
from typing import Any

from cadc.experiment import Reference
from cadc.ledger.store import Record
from cadc.pipeline.seeds import seeds_of
from cadc.reporting.points import Point


def counterpart(reference: Reference, row: Point, rows: Sequence[Point]) -> Point | None:
    """Return the row of the same data set that this row is compared with; the row itself if it is the reference."""
    found = [other for other in rows if other.arm == reference.arm]
    found = [other for other in found if _data(other) == _data(row)]
    if row.columns["policy"] is not None:
        # A policy is held against another of the same model.
        found = [other for other in found if other.columns["model"] == row.columns["model"]]
    named = {"rate": reference.rate, "embedding": reference.embedding, "mean_size": reference.mean_size}
    for column, value in named.items():
        if value is not None:
            found = [other for other in found if other.columns[column] == value]
    if row.arm == reference.arm and not any(named.values()):
        return row
    for column in ("rate", "model", "dim", "embedding", "ratio", "mean_size", "rows_share"):
        # A column in which all agree, such as the rate of full data, does not matter.
        if len({other.columns[column] for other in found}) > 1:
            found = [other for other in found if other.columns[column] == row.columns[column]]
    if len(found) != 1:
        return None
    own = [row.columns[name] for name in ("rate", "embedding", "mean_size")]
    is_compared = found[0] is row or reference.concerns(row.arm, *own)
    return found[0] if is_compared else None


def _data(point: Point) -> list[Any]:
    """Return what distinguishes data of the same name: options and split."""
    options = point.records[0]["config"]["data"]
    return [point.columns["dataset"], {key: value for key, value in options.items() if key != "split_seed"}]


def pairs(row: Point, other: Point) -> list[tuple[Record, Record]]:
    """Return the runs of both points on one split with the same seeds; a model that draws nothing counts for all seeds.

    Splits are equal if their rows are: a split by time, which draws nothing, is the same for all seeds.
    """
    varies = _has_several_factors(row.results), _has_several_factors(other.results)
    return [
        (mine, theirs)
        for mine in row.results
        for theirs in other.results
        if mine["data"]["content_hash"] == theirs["data"]["content_hash"]
        and _agree(_drawn_with(mine, varies[0]), _drawn_with(theirs, varies[1]))
    ]


def _agree(mine: Mapping[str, int], theirs: Mapping[str, int]) -> bool:
    """Tell whether two runs draw with equal seeds.

    What one of them draws and the other does not does not count, unless they have no part in common: a factorisation
    alone meets the network of its seed.
    """
    common = set(mine) & set(theirs)
    if common:
        return all(mine[part] == theirs[part] for part in common)
    return not mine or not theirs or {*mine.values()} == {*theirs.values()}


def _has_several_factors(records: Sequence[Record]) -> bool:
    """Tell whether runs of a point, on one split, have factors that were drawn with several seeds."""
    seeds: dict[str, set[int]] = {}
    for record in records:
        seeds.setdefault(record["data"]["content_hash"], set()).add(seeds_of(record["config"]).factorization)
    return any(len(own) > 1 for own in seeds.values())


def _drawn_with(record: Record, has_several_factors: bool) -> dict[str, int]:
    """Return the seeds of what a run draws; biases draw nothing, and factors of one seed are the same for all runs."""
    seeds, drawn = seeds_of(record["config"]), {}
    if {"trainer", "sampler"} & set(record["uses"]):
        drawn = {"sample": seeds.sample, "weights": seeds.weights}
    if "factorization" in record["uses"] and record["factor_dim"] != 0:
        follows = record["config"]["factorization"].get("seed", 0) is None
        if has_several_factors or (follows and not drawn):
            drawn["factorization"] = seeds.factorization
    return drawn
