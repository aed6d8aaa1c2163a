"""The columns of a table as people read them: heads with units, cells as texts, and which of them come first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import pandas as pd

from cadc.evaluation.metrics.lookup import metric as metric_named
from cadc.evaluation.prefixes import without_prefix
from cadc.evaluation.statistics import interval_text
from cadc.reporting.columns import COSTS, MARGIN, MISSING, head, is_empty, label, shown, shown_in
from cadc.reporting.points import ARM_COLUMNS, leading_columns
from cadc.reporting.streams.columns import ALWAYS

DATASET, ARM = "dataset", "arm"

TELLING, FIRST, COST, SEEDS, SECOND, COMPARED, FURTHER = 0, 1, 3, 9, 10, 20, 30
"""Ranks of what tells rows apart, of the first metric (its interval follows it), of costs, of the number of seeds, of
the other metrics, of comparisons, and of what else was asked for."""

PUBLISHED = "_published"
"""End of the columns of figures of others."""

OF_COMPARISON = ("p_holm", "p_margin_holm", "seeds_compared", "verdict")
"""Beginnings of columns of a comparison beside its differences."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ShownColumn:
    """A column as people read it.

    Parameters
    ----------
    name : of the column of the table that it shows.
    head : text above it, with the unit where there is one.
    cells : a text for each row.
    rank : columns of lower rank stay where there is no room for all.
    is_text : whether it is set flush left.
    """

    name: str
    head: str
    cells: tuple[str, ...]
    rank: int
    is_text: bool = False


def shown_columns(table: pd.DataFrame, joined: bool = False) -> list[ShownColumn]:
    """Return the columns of a table from left to right, without those that are empty.

    Parameters
    ----------
    table : as `cadc.reporting.table.build_table` returns it, with or without further columns.
    joined : whether an interval stands in the cell of its mean, and not in a column of its own.
    """
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    metrics, names = table.attrs["metrics"], [str(name) for name in table]
    found = [*_leading(table, rows)]
    tasks = [metric_named(without_prefix(name)).task for name in metrics]
    for place, (metric, task) in enumerate(zip(metrics, tasks, strict=True)):
        found += _of_metric(rows, metric, FIRST if task not in tasks[:place] else SECOND + place, joined)
    found += [
        ShownColumn(name, head(name), tuple(shown(name, row[name]) for row in rows), rank)
        for rank, name in enumerate(COSTS, COST)
        if name in names
    ]
    of_metrics = [f"{metric}_{kind}" for metric in metrics for kind in ("mean", "std", "ci")]
    usual = {*ARM_COLUMNS, "seeds", MISSING, *COSTS, *of_metrics}
    compared = [name for name in names if is_of_comparison(name)]
    further = [name for name in names if name not in usual and name not in compared]
    found += [
        ShownColumn(name, head(name), tuple(shown_in(row, name) for row in rows), _rank(name)) for name in further
    ]
    found += _published(rows, [name for name in compared if name.endswith(PUBLISHED)])
    own = [name for name in compared if not name.endswith(("published", PUBLISHED))]
    found += _compared(rows, own, table.attrs.get(MARGIN, 0.0))
    return [column for column in found if any(column.cells)]


def _leading(table: pd.DataFrame, rows: Sequence[Row]) -> Iterator[ShownColumn]:
    for name in leading_columns(table):
        if name == "rate":
            cells = tuple("" if is_empty(row[name]) else f"{100 * row[name]:g} %" for row in rows)
        else:
            cells = tuple(shown(name, row[name]) for row in rows)
        # What is the same in all rows tells none of them from the others.
        tells = name != "seeds" and (name in (DATASET, ARM) or len(set(cells)) > 1)
        rank = TELLING if tells else SEEDS
        yield ShownColumn(name, head(name), cells, rank, name in (DATASET, ARM, "embedding"))
    if MISSING in table:
        # A row without any result says so in the cells of its metrics.
        cells = tuple(shown(MISSING, row[MISSING]) if row["seeds"] else "" for row in rows)
        yield ShownColumn(MISSING, "missing", cells, FIRST, True)


def _of_metric(rows: Sequence[Row], metric: str, rank: int, joined: bool) -> Iterator[ShownColumn]:
    mean, half = f"{metric}_mean", f"{metric}_ci"
    means = [shown_in(row, mean) for row in rows]
    halves = [shown(half, row.get(half)) for row in rows]
    if not joined:
        yield ShownColumn(mean, label(metric), tuple(means), rank)
        yield ShownColumn(half, "± 95 %", tuple(halves), rank + 1 if rank < SECOND else rank)
        return
    cells = [f"{value} ± {own}" if own else value for value, own in zip(means, halves, strict=True)]
    yield ShownColumn(mean, f"{label(metric)} ± 95 %" if any(halves) else label(metric), tuple(cells), rank)


def _rank(name: str) -> int:
    """Return the rank of a further column; what a table was made for comes before what else was measured."""
    return COMPARED if name in ("front", "chosen", *ALWAYS) else FURTHER


def is_of_comparison(column: str) -> bool:
    """Tell whether a column belongs to a comparison with a reference, or with published figures."""
    return "_difference" in column or column.endswith(PUBLISHED) or column.startswith(OF_COMPARISON)


def _published(rows: Sequence[Row], names: Sequence[str]) -> Iterator[ShownColumn]:
    """Yield a column of figures of others for each metric, with the differences to them."""
    for name in names:
        metric = name.removesuffix(PUBLISHED)
        cells = [
            (shown(name, row[name]), shown("_difference", row[f"{metric}_difference to published"])) for row in rows
        ]
        texts = tuple(f"{value} ({difference})" if value else "" for value, difference in cells)
        yield ShownColumn(name, f"{label(metric)} published (difference)", texts, COMPARED)


def _compared(rows: Sequence[Row], names: Sequence[str], margin: float) -> Iterator[ShownColumn]:
    """Yield a column for each difference, with its interval and its verdict, then what is left over."""
    used = {name for name in names if "_difference_" in name}
    for name in names:
        if name in used or "_difference" not in name:
            continue
        metric, _, other = name.partition("_difference")
        verdict = f"verdict on {metric}{other}" if other else "verdict"
        used |= {name, verdict}
        cells = (
            " ".join(filter(None, (_difference(row, name, margin), shown(verdict, row.get(verdict))))) for row in rows
        )
        yield ShownColumn(name, f"{label(metric)} difference{other}", tuple(cells), COMPARED, verdict in names)
    for name in names:
        if name not in used:
            cells = (shown(name, row[name]) for row in rows)
            yield ShownColumn(name, head(name), tuple(cells), FURTHER, name.startswith("verdict"))


def _difference(row: Row, name: str, margin: float) -> str:
    low, high = row.get(f"{name}_low", nan), row.get(f"{name}_high", nan)
    difference = shown(name, row[name])
    if is_empty(low) or is_empty(high):
        return difference
    return f"{difference} {interval_text(low, high, (0.0, margin, -margin))}"


def first_columns(columns: Sequence[ShownColumn], count: int) -> list[ShownColumn]:
    """Return at most so many columns, those of the lowest rank, in their order."""
    kept = sorted(range(len(columns)), key=lambda place: (columns[place].rank, place))[:count]
    return [columns[place] for place in sorted(kept)]
