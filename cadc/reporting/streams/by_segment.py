"""Tables of streams: a line for each segment, and one for each group of users or items by frequency."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import pandas as pd

from cadc.evaluation.prefixes import without_prefix
from cadc.evaluation.statistics.seeds import seed_interval
from cadc.ledger.store import Record
from cadc.reporting.columns import by_segment, is_stream
from cadc.reporting.points import Point, names_of
from cadc.reporting.streams.regret import regrets

SEGMENTS, SIZES = "segments.csv", "sizes.csv"
"""Files of both tables beside those of results."""

IDENTITY = ("dataset", "model", "policy", "mean_size")
HELD = ("bytes", "index_bytes", "number_bytes", "budget_bytes", "reservoir_bytes")


def segments_table(rows: Sequence[Point], metrics: Sequence[str]) -> pd.DataFrame | None:
    """Return what the streams among the points of a table came to in each of their segments; None without streams.

    Metrics are means over seeds, `_ci` half the width of their 95 % t intervals; those of new and of warm users and
    items are named by both, `new items ndcg@20_mean`. Bytes, users, items and seconds are means, too; `over_budget` is
    the largest of all seeds. `regret` is that so far, see `cadc.reporting.streams.regret`.

    Parameters
    ----------
    rows : points of the table.
    metrics : of the table; a metric and its mean over segments are one here. The attribute `metrics` names them.
    """
    names = tuple(dict.fromkeys(map(without_prefix, metrics)))
    lines = []
    of_regret = regrets(rows, metrics)
    for place, (point, arm) in enumerate(zip(rows, names_of(rows), strict=True)):
        for number, own in _by_number(point.results).items():
            line: dict[str, Any] = {"dataset": point.columns["dataset"], "arm": arm}
            line |= {name: point.columns[name] for name in IDENTITY[1:]}
            line |= {"segment": number, "seeds": len(own), **_held(own)}
            for name in names:
                values = [by_segment(record, name).get(number) for record in point.results]
                line |= _over_seeds(name, values)
            line |= of_regret.get((place, number), {})
            lines.append(line | _strata(own, names))
    if not lines:
        return None
    table = pd.DataFrame(lines)
    table = table.drop(columns=[name for name in table if table[name].isna().all()])
    table.attrs["metrics"] = tuple(name for name in names if f"{name}_mean" in table)
    return table


def sizes_table(rows: Sequence[Point]) -> pd.DataFrame | None:
    """Return the mean sizes of users and items by frequency at the end of each stream; None where none is recorded.

    Groups are those of `sizes_by_frequency`, numbered from 1, the rarest; values are means over seeds.
    """
    lines: list[dict[str, Any]] = []
    for point, arm in zip(rows, names_of(rows), strict=True):
        ends = [record["segments"][-1].get("sizes", {}) for record in point.results if is_stream(record)]
        for side in dict.fromkeys(side for own in ends for side in own):
            groups = [list(zip(own[side]["frequency"], own[side]["size"], strict=True)) for own in ends if side in own]
            for number in range(min(map(len, groups))):
                frequency, size = (fmean(own[number][which] for own in groups) for which in (0, 1))
                line: dict[str, Any] = {"dataset": point.columns["dataset"], "arm": arm}
                line |= {name: point.columns[name] for name in IDENTITY[1:]}
                line |= {"side": side, "group": number + 1, "seeds": len(groups)}
                lines.append(line | {"frequency": round(frequency, 4), "size": round(size, 4)})
    return pd.DataFrame(lines) if lines else None


def _by_number(records: Sequence[Record]) -> dict[int, list[Mapping[str, Any]]]:
    """Return what records say of each segment, by its number."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    for record in records:
        for own in record.get("segments", ()):
            found.setdefault(own["segment"], []).append(own)
    return dict(sorted(found.items()))


def _held(own: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return rows, users, items, bytes and seconds of a segment; those that earlier records lack are left out."""
    found = {name: [one[name] for one in own if name in one] for name in HELD}
    found |= {
        f"rows_{part}": [one["rows"][part] for one in own if part in one.get("rows", {})] for part in ("train", "test")
    }
    found |= {f"{side}s": [one["entities"][side] for one in own if "entities" in one] for side in ("user", "item")}
    line: dict[str, Any] = {name: round(fmean(values)) for name, values in found.items() if values}
    if over := [one["over_budget"] for one in own if "over_budget" in one]:
        line["over_budget"] = max(over)
    return line | {"seconds": round(fmean(sum(one["cost"].values()) for one in own), 2)}


def _strata(own: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, float]:
    """Return the means of metrics of new and of warm users and items, over the seeds that have them."""
    found: dict[str, list[float]] = {}
    for one in own:
        for stratum, values in one.get("strata", {}).items():
            for name in names:
                if name in values:
                    found.setdefault(f"{stratum} {name}_mean", []).append(values[name])
    return {name: round(fmean(values), 6) for name, values in found.items()}


def _over_seeds(name: str, values: Sequence[float | None]) -> dict[str, float]:
    known = [value for value in values if value is not None]
    if not known:
        return {}
    interval = seed_interval(known)
    return {
        f"{name}_mean": round(interval.mean, 6),
        f"{name}_ci": round((interval.high - interval.low) / 2, 6),
    }
