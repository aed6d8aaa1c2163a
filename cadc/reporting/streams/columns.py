"""Columns of a table that only streams have."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import pandas as pd

from cadc.experiment.columns import OF_STREAMS
from cadc.reporting.columns import is_stream
from cadc.reporting.points import Point
from cadc.reporting.streams.regret import final_regret, regrets

ALWAYS = ("over_budget", "held_bytes", "regret")
"""Of the columns of streams, those that tables with streams have unasked."""


def add_stream_columns(
    table: pd.DataFrame, rows: Sequence[Point], metrics: Sequence[str], asked: Sequence[str] = ()
) -> pd.DataFrame:
    """Return a table with the columns `OF_STREAMS` that are asked for or usual; as it is without streams.

    Parameters
    ----------
    table, rows : of the same order.
    metrics : of the table, see `regrets`.
    asked : columns that were asked for, others than those of streams among them.
    """
    if not any(is_stream(record) for point in rows for record in point.results):
        return table
    found = regrets(rows, metrics)
    values: dict[str, list[Any]] = {name: [] for name in OF_STREAMS if name in (*ALWAYS, *asked)}
    for place, point in enumerate(rows):
        own = {
            "over_budget": _of_segments(point, max, "over_budget"),
            "reservoir_bytes": _of_segments(point, _last, "reservoir_bytes"),
            "held_bytes": _of_segments(point, max, "bytes", "reservoir_bytes"),
            "regret": final_regret(found, place, "regret"),
            "regret_to_truth": final_regret(found, place, "regret_to_truth"),
        }
        for name, cells in values.items():
            cells.append(own[name])
    kinds = {name: "float64" if name.startswith("regret") else "Int64" for name in values}
    new = pd.DataFrame(values, index=table.index).astype(kinds).dropna(axis=1, how="all")
    wide = pd.concat([table, new.round(4)], axis=1)
    wide.attrs |= table.attrs
    return wide


def _of_segments(point: Point, reduce: Any, *keys: str) -> int | None:
    """Return the mean over seeds of what becomes of the sums of some numbers of bytes over segments."""
    of_seeds = [
        reduce([sum(own[key] for key in keys) for own in record["segments"]])
        for record in point.results
        if is_stream(record) and all(key in own for own in record["segments"] for key in keys)
    ]
    # The worst seed counts where any byte is one too many.
    return None if not of_seeds else max(of_seeds) if keys == ("over_budget",) else round(fmean(of_seeds))


def _last(values: Sequence[int]) -> int:
    return values[-1]
