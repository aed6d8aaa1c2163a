"""Figures that others published, beside those of a table."""

from collections.abc import Sequence

import pandas as pd

from cadc.experiment.published import Published
from cadc.reporting.columns import is_empty, label
from cadc.reporting.points import Point


def add_published(table: pd.DataFrame, published: Sequence[Published], rows: Sequence[Point]) -> pd.DataFrame:
    """Return the table with what others published, and a note that names the sources.

    Behind the columns of each metric that has such a figure stand `METRIC_published` and `METRIC_difference to
    published`, the mean of this table less the published value; both are empty for rows without a published figure, and
    for those that were trained on a part of the rows.

    Parameters
    ----------
    table : as `build_table` returns it for these rows.
    published : figures of the experiment; those of data sets that the table lacks are left out.
    rows : points of the table.
    """
    there = [own for own in published if own.data in set(table["dataset"])]
    if not there:
        return table
    wide = table.copy()
    for name in dict.fromkeys(own.metric for own in there if f"{own.metric}_mean" in table):
        values = {(own.data, own.arm): own.value for own in there if own.metric == name and own.arm is not None}
        beside = pd.Series(
            [
                values.get((point.columns["dataset"], point.arm)) if is_full(point.columns["rate"]) else None
                for point in rows
            ],
            table.index,
            dtype="float64",
        )
        place = list(wide.columns).index(f"{name}_ci") + 1
        wide.insert(place, f"{name}_published", beside)
        wide.insert(place + 1, f"{name}_difference to published", (table[f"{name}_mean"] - beside).round(6))
    notes = [own for own in [table.attrs.get("note")] if own]
    wide.attrs = table.attrs | {"note": "\n".join([*notes, *_notes(there)])}
    return wide


def is_full(rate: float | None) -> bool:
    """Tell whether a row of a table read all training rows: at the rate 1, or without a sample."""
    return is_empty(rate) or rate == 1


def _notes(there: Sequence[Published]) -> list[str]:
    """Return a line for each source and data set: the figures that stand in the table, and those of further methods."""
    lines = []
    for source, data in dict.fromkeys((own.source, own.data) for own in there):
        own = [one for one in there if (one.source, one.data) == (source, data)]
        beside = dict.fromkeys(one.name for one in own if one.arm is not None)
        further = [f"{one.name} {label(one.metric)} {one.value:.4f}" for one in own if one.arm is None]
        parts = [f"{', '.join(beside)}"] if beside else []
        if further:
            parts.append(f"beside the arms, {', '.join(further)}")
        lines.append(f"Published figures of {data}, {source}: {'; '.join(parts)}.")
    return lines
