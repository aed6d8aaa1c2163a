"""Regret of streams: what an arm lost so far against the best arm in hindsight, and against the truth."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np

from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.prefixes import PREFIX, SEGMENTS, without_prefix
from cadc.evaluation.regret import EXPECTED_LOGLOSS
from cadc.evaluation.statistics.seeds import seed_interval
from cadc.ledger.store import Record
from cadc.reporting.columns import by_segment, evaluated_on, is_stream, segment_mean
from cadc.reporting.pairs import pairs
from cadc.reporting.points import Point


def regrets(rows: Sequence[Point], metrics: Sequence[str]) -> dict[tuple[int, int], dict[str, float]]:
    """Return the regret of each stream up to each of its segments.

    `regret` is the sum over segments of the best arm's metric minus the arm's own (the other way where lower is
    better). The best is the one arm, kept throughout, whose metric has the best mean over all segments and seeds,
    among the arms of a table with the same data, model and mean size: it is known only in hindsight. The difference is
    taken seed by seed. It may fall below 0 on the way, but at the end it does not.

    `regret_to_truth` is the sum of the expected logloss that a model has more than the true probabilities, which only
    generated logs know; it needs no other arm.

    Parameters
    ----------
    rows : points of a table.
    metrics : of the table; the first mean over segments that a point has counts, else the first metric.

    Returns
    -------
    By place of the point and number of the segment, both as `_mean` and, over several seeds, `_ci`.
    """
    found: dict[tuple[int, int], dict[str, float]] = {}
    for places in _alike(rows):
        name = next((own for own in _in_order(metrics) if all(_has(rows[at], own) for at in places)), None)
        if name is None:
            continue
        sign = 1 if metric(name).higher_is_better else -1
        best = max(places, key=lambda at: sign * _mean(rows[at], name))
        for at in places:
            own = [
                [sign * (theirs - mine) for mine, theirs in zip(*values, strict=True)]
                for pair in pairs(rows[at], rows[best])
                if len({tuple(by_segment(record, name)) for record in pair}) == 1
                and (values := [by_segment(record, name).values() for record in pair])
            ]
            _add(found, at, "regret", list(by_segment(rows[at].results[0], name)), own)
    for at, point in enumerate(rows):
        if of_truth := [own for own in map(_of_truth, point.results) if own]:
            _add(found, at, "regret_to_truth", list(of_truth[0]), [list(own.values()) for own in of_truth])
    return found


def final_regret(found: dict[tuple[int, int], dict[str, float]], place: int, name: str) -> float | None:
    """Return the regret of a point at the end of its stream; None where it has none."""
    last = max((number for at, number in found if at == place), default=None)
    return None if last is None else found[place, last].get(f"{name}_mean")


def _add(
    found: dict[tuple[int, int], dict[str, float]],
    place: int,
    name: str,
    numbers: Sequence[int],
    by_seed: Sequence[Sequence[float]],
) -> None:
    """Add the sums so far of what each seed lost in each segment."""
    sums = np.array([list(accumulate(own)) for own in by_seed if len(own) == len(numbers)])
    for number, values in zip(numbers, sums.T, strict=False):
        interval = seed_interval(values)
        half = (interval.high - interval.low) / 2
        line = found.setdefault((place, number), {})
        line |= {f"{name}_mean": round(interval.mean, 6), f"{name}_ci": round(half, 6)}


def _alike(rows: Sequence[Point]) -> list[list[int]]:
    """Return the places of streams that share data, model, mean size and evaluated part."""
    groups: dict[str, list[int]] = {}
    for place, point in enumerate(rows):
        if not point.results or not all(map(is_stream, point.results)):
            continue
        record, columns = point.results[0], point.columns
        data = {key: value for key, value in record["config"]["data"].items() if key != "split_seed"}
        budget = record["config"]["stream"].get("budget")
        key = [columns["dataset"], data, columns["model"], columns["mean_size"], budget, evaluated_on(record)]
        groups.setdefault(str(key), []).append(place)
    return list(groups.values())


def _in_order(metrics: Sequence[str]) -> Iterator[str]:
    """Yield the metrics of a table without prefix, means over segments first."""
    ordered = sorted(metrics, key=lambda name: not name.startswith(SEGMENTS))
    yield from dict.fromkeys(map(without_prefix, ordered))


def _has(point: Point, name: str) -> bool:
    return all(segment_mean(record, name) is not None for record in point.results)


def _mean(point: Point, name: str) -> float:
    return float(np.mean([segment_mean(record, name) for record in point.results]))


def _of_truth(record: Record) -> dict[int, float]:
    """Return what each segment lost against the truth, by its number; nothing unless it is known of all."""
    key, segments = f"{PREFIX[evaluated_on(record)]}{EXPECTED_LOGLOSS}", record.get("segments", ())
    found = {own["segment"]: own["regret"][key] for own in segments if key in own.get("regret", {})}
    return found if len(found) == len(segments) else {}
