"""The rows of a table: each is an arm at one point of its sweep, on one data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cadc.ledger.identity import recorded_arm, told_by
from cadc.ledger.store import Record
from cadc.reporting.columns import MISSING
from cadc.reporting.contents import require_one_content

ARM_COLUMNS = [
    "dataset",
    "arm",
    "model",
    "factorization",
    "initializer",
    "freeze",
    "sampler",
    "rate",
    "embedding",
    "ratio",
    "dim",
    "policy",
    "mean_size",
    "rows_share",
]
"""A table leaves out `ratio`, the compression that was asked for, if no run was asked for one, and `policy`,
`mean_size` and `rows_share` if no run is a stream that has one."""

OPTIONAL_COLUMNS = ("ratio", "policy", "mean_size", "rows_share")
"""Columns that a table leaves out where no row has a value."""


def leading_columns(table: pd.DataFrame) -> list[str]:
    """Return the leading columns of a shown table; some of them only where they tell rows apart."""
    several = len(table["dataset"].unique()) > 1
    arms = [own for _, own in table.groupby(["dataset", "arm"], sort=False)]
    telling = [
        name
        for name in ("model", "embedding", "ratio", "dim", "mean_size", "rows_share")
        if name in table and any(len(own[name].dropna().unique()) > 1 for own in arms)
    ]
    return [*(["dataset"] if several else []), "arm", "rate", *telling, "seeds"]


@dataclass(frozen=True)
class Point:
    """An arm at one point of its sweep.

    Parameters
    ----------
    arm : its name in the experiment.
    columns : columns that identify it, see `arm_columns`.
    records : records of its runs, which differ only in their seeds.
    """

    arm: str
    columns: dict[str, Any]
    records: list[Record]

    @property
    def results(self) -> list[Record]:
        """Records of the runs that have a result; none where a run failed or its scheme cannot meet its budget."""
        return [record for record in self.records if not record.get("unreachable") and MISSING not in record]


def arm_columns(arm: str, record: Record) -> dict[str, Any]:
    """Return the columns that identify a point; those that do not apply to its model are None."""
    config, choices, used = record["config"], record["config"]["choices"], record["uses"]
    has_tables = "embedding" in used
    return {
        "dataset": record["data"]["name"],
        "arm": arm,
        "model": choices["model"],
        "factorization": choices["factorization"] if "factorization" in used else None,
        "initializer": choices["initializer"] if "initializer" in used else None,
        "freeze": _plain(config["initializer"].get("freeze")) if "initializer" in used else None,
        "sampler": choices["sampler"] if "sampler" in used else None,
        "rate": config["sampler"].get("rate") if "sampler" in used else None,
        "embedding": choices["embedding"] if has_tables else None,
        "ratio": config["embedding"].get("ratio") if has_tables and not config["embedding"].get("budget") else None,
        "dim": config["embedding"]["dim"] if has_tables else record["factor_dim"],
        **_of_stream(record),
    }


def _of_stream(record: Record) -> dict[str, Any]:
    """Return policy, mean size and share of kept rows of a stream; None for what a run does not have."""
    if "policy" not in record["uses"]:
        return {"policy": None, "mean_size": None, "rows_share": None}
    stream = record["config"]["stream"]
    mean_size = stream.get("mean_size") if stream.get("budget") is None else None
    policy = record["config"]["choices"]["policy"]
    return {"policy": policy, "mean_size": mean_size, "rows_share": stream.get("rows_share")}


def _plain(value: Any) -> Any:
    """Return a list, such as the frozen fields, as text."""
    return ", ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value


def points(runs: Sequence[tuple[str, Record]], present: Sequence[Mapping[str, Any]] = ()) -> list[Point]:
    """Return the points of (arm, record) pairs, grouped by data set, arms in order of appearance.

    Parameters
    ----------
    runs : arm and record of each run; a run without a result has a record of `cadc.reporting.missing`.
    present : parts `data` of the logs as they are now, see `require_one_content`.

    Raises
    ------
    DataError : if runs read different contents of one data set.
    """
    require_one_content([(arm, record) for arm, record in runs if MISSING not in record], present)
    groups: dict[str, dict[str, Record]] = {}
    rows: dict[str, dict[str, Any]] = {}
    arms: dict[str, str] = {}
    for arm, record in runs:
        key = f"{arm} {record['data']['name']} {recorded_arm(record)}"
        arms[key] = arm
        rows.setdefault(key, arm_columns(arm, record))
        groups.setdefault(key, {})[record["id"]] = record
    _tell_apart(rows, {key: next(iter(records.values())) for key, records in groups.items()})
    # A run with a result tells more of its point than one without.
    found = [
        Point(arms[key], rows[key], sorted(records.values(), key=lambda record: MISSING in record))
        for key, records in groups.items()
    ]
    datasets = list(dict.fromkeys(point.columns["dataset"] for point in found))
    return sorted(found, key=lambda point: datasets.index(point.columns["dataset"]))


SHOWN_AS = {
    "model": "{}",
    "embedding": "{}",
    "ratio": "{:g}x",
    "dim": "d = {}",
    "mean_size": "mean size {:g}",
    "rows_share": "rows {:g}",
}
"""Columns besides the rate in which points of an arm may differ, and how names show them."""


def at_rate(name: str, rate: float | None) -> str:
    """Return a name with the sampling rate, `mf frozen at 10 %`."""
    return name if rate is None else f"{name} at {100 * rate:g} %"


def names_of(rows: Sequence[Point]) -> list[str]:
    """Return a name for each point: the arm, and what else than the rate tells it from the arm's others, `lma, 16x`."""
    values: dict[tuple[str, str], dict[str, set[Any]]] = {}
    for point in rows:
        own = values.setdefault((point.columns["dataset"], point.arm), {name: set() for name in SHOWN_AS})
        for name, seen in own.items():
            seen.add(point.columns[name])
    found = []
    for point in rows:
        own = values[point.columns["dataset"], point.arm]
        telling = [name for name in SHOWN_AS if len(own[name]) > 1 and point.columns[name] is not None]
        parts = [SHOWN_AS[name].format(point.columns[name]) for name in telling]
        found.append(", ".join([point.columns["arm"], *parts]))
    return found


def _tell_apart(rows: dict[str, dict[str, Any]], records: Mapping[str, Record]) -> None:
    """Add the keys in which points differ to the names of those that no column tells apart.

    Only what can change a result makes a name, in one spelling.
    """
    same: dict[tuple[Any, ...], list[str]] = {}
    for key, row in rows.items():
        same.setdefault(tuple(row.values()), []).append(key)
    for keys in same.values():
        if len(keys) == 1:
            continue
        flat = [told_by(records[key]) for key in keys]
        names = dict.fromkeys(name for options in flat for name in options)
        differing = [name for name in names if len({str(options.get(name)) for options in flat}) > 1]
        for key, options in zip(keys, flat, strict=True):
            told = ", ".join(f"{name}={options[name]}" for name in differing if name in options)
            if told:
                rows[key]["arm"] += f" ({told})"
