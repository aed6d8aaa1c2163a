"""Claims that a column of a table decides: seconds, bytes, operations, or a metric against a published figure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from cadc.experiment.claims import Measured, Rows
from cadc.ledger.store import Record
from cadc.reporting.claims.evidence import FAILS, HOLDS, UNDECIDED, Evidence, not_run, number
from cadc.reporting.columns import is_empty, shown
from cadc.reporting.page.source import without_runs
from cadc.reporting.points import Point, at_rate


def evidence(test: Measured, table: pd.DataFrame, points: Sequence[Point]) -> list[Evidence]:
    """Return a figure for each row that a claim speaks of; at least one, which may be `not run`.

    A mean of a metric over seeds is above or below a bound where its whole interval is; one seed decides nothing.

    Parameters
    ----------
    test : of the claim.
    table : of the results.
    points : of the rows that have runs, in their order; none of an analysis.
    """
    return list(_each(test, table, points)) or [not_run("the table has none of these rows")]


def _each(test: Measured, table: pd.DataFrame, points: Sequence[Point]) -> Iterator[Evidence]:
    if test.column not in table:
        yield not_run(f"the table has no column {test.column}")
        return
    lines = table.to_dict("records")
    missing = without_runs(table)
    kept = [place for place in range(len(lines)) if place not in missing]
    runs = {place: tuple(point.results) for place, point in zip(kept, points, strict=False)}
    for place, line in enumerate(lines):
        if not _agrees(line, test.rows) or is_empty(line[test.column]):
            continue
        where: dict[str, Any] = {
            "dataset": str(line.get("dataset", "")),
            "arm": str(line["arm"]) if "arm" in line else _name(line, test.rows),
            "rate": number(line.get("rate")),
            "quantity": test.column,
        }
        bound, against, others = _bound(test, line, lines, runs)
        if bound is None:
            yield not_run(f"the table has no {against}")
            continue
        value, half = float(line[test.column]), _half_of_interval(test.column, line)
        low, high = (None, None) if half is None or math.isnan(half) else (value - half, value + half)
        word = "at most" if test.is_most else "at least"
        yield Evidence(
            _verdict(value, half, bound, test.is_most),
            **where,
            against=against,
            seeds=int(line["seeds"]) if "seeds" in line else None,
            value=value,
            low=low,
            high=high,
            bound=bound,
            outcome=f"{word} {shown(test.column, bound)}",
            runs=(*runs.get(place, ()), *others),
        )


def _bound(
    test: Measured, line: Mapping[Any, Any], lines: Sequence[Mapping[Any, Any]], runs: Mapping[int, Sequence[Record]]
) -> tuple[float | None, str, Sequence[Record]]:
    """Return what the value of a line is held against, in words too, and the runs behind it."""
    factor = "" if test.times == 1 else f"{test.times:g} times "
    if isinstance(test.bound, float):
        return test.times * test.bound, "", ()
    if isinstance(test.bound, str):
        value = number(line.get(test.bound))
        return None if value is None else test.times * value, f"{factor}{test.bound}", ()
    named = dict(test.bound)
    if "dataset" in line and "dataset" not in named:
        named["dataset"] = (line["dataset"],)
    found = [place for place, other in enumerate(lines) if _agrees(other, named)]
    value = number(lines[found[0]][test.column]) if len(found) == 1 else None
    words = _words(test.bound)
    if value is None:
        return None, f"single row {words} with a value", ()
    return test.times * value, f"{factor}{words}", runs.get(found[0], ())


def _verdict(value: float, half: float | None, bound: float, is_most: bool) -> str:
    room = bound - value if is_most else value - bound
    if half is None or abs(room) >= half:
        return HOLDS if room >= 0 else FAILS
    return UNDECIDED


def _half_of_interval(column: str, line: Mapping[Any, Any]) -> float | None:
    """Return half of the interval of a mean over seeds: NaN of one seed, None of what has no interval."""
    name = f"{column.removesuffix('_mean')}_ci"
    if not column.endswith("_mean") or name not in line:
        return None
    return float("nan") if is_empty(line[name]) else float(line[name])


def _name(line: Mapping[Any, Any], rows: Rows) -> str:
    """Return what names a row that is not of an arm: the columns that a claim chooses it by, and its texts."""
    texts = [column for column, cell in line.items() if isinstance(cell, str)]
    cells = [line[column] for column in dict.fromkeys([*rows, *texts])]
    return ", ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells)


def _words(rows: Rows) -> str:
    """Return rows in words: the values of their columns."""
    named = ", ".join(str(value) for key, values in rows.items() if key != "rate" for value in values)
    rates = rows.get("rate", ())
    return at_rate(named, number(rates[0])) if len(rates) == 1 else named


def _agrees(line: Mapping[Any, Any], wanted: Rows) -> bool:
    return all(key in line and any(_same(line[key], value) for value in values) for key, values in wanted.items())


def _same(cell: Any, value: Any) -> bool:
    """Tell whether a cell holds a value; numbers are equal as numbers, whatever the type of their column."""
    if is_empty(cell):
        return False
    try:
        return float(cell) == float(value)
    except ValueError:
        return str(cell) == str(value)
