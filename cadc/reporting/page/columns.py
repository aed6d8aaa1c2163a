"""The columns of a page's tables: what each holds, how it is shown, and whether it is shown at first."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from cadc.experiment.columns import is_metric_column
from cadc.reporting.columns import COSTS, head, higher_is_better, is_empty, label
from cadc.reporting.points import leading_columns

KINDS = {
    "rate": "rate",
    "reference_rate": "rate",
    "interval": "interval",
    "p_of_verdict": "interval",
    "seeds": "count",
    "seeds_compared": "count",
    "dim": "count",
    "n_units": "count",
    "n_rows": "count",
    "n_users": "count",
    "margin": "number",
    "verdict": "verdict",
    "share": "share",
    "share_low": "share",
    "share_high": "share",
    "low": "difference",
    "high": "difference",
    "low_95": "difference",
    "high_95": "difference",
}
"""Kinds of columns whose name does not tell them otherwise; numbers are `number`, all else `text`."""

DIGITS = 12
"""Significant digits of numbers; that of a table are rounded to six decimals."""


def metric_entries(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return name, label and direction of metrics."""
    return [{"name": name, "label": label(name), "higher_is_better": higher_is_better(name)} for name in names]


def table_entries(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return an entry for each column of an experiment's table.

    `interval` names the column with half the interval of a mean, which is shown beside it.
    """
    names = [str(name) for name in table]
    metrics = table.attrs["metrics"]
    at_first = {*COSTS, *(f"{name}_mean" for name in metrics)}
    if {"dataset", "arm", "rate"} <= set(names):
        at_first |= set(leading_columns(table))
    else:
        at_first |= set(names)
    compared = [name for name in names if "_difference" in name or name.startswith("verdict")]
    # Differences to several references have a table of their own.
    if len([name for name in compared if name.startswith("verdict")]) < 2:
        at_first |= {name for name in compared if not name.endswith(("_low", "_high"))}
    at_first |= {"chosen", "front"} & set(names)
    entries = []
    for name in names:
        entry = {"name": name, "label": _head(name), "kind": kind(name, table[name]), "shown": name in at_first}
        interval = f"{name.removesuffix('_mean')}_ci"
        if name.endswith("_mean") and interval in names:
            entry["interval"] = interval
        entries.append(entry)
    return entries


def plain_entries(table: pd.DataFrame, shown: Collection[str], labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return an entry for each column of another table."""
    return [
        {
            "name": str(name),
            "label": labels.get(str(name), _head(str(name))),
            "kind": kind(str(name), table[name]),
            "shown": name in shown,
            **({"interval": at} if (at := f"{str(name).removesuffix('_mean')}_ci") in table and at != name else {}),
        }
        for name in table
    ]


def kind(name: str, values: "pd.Series[Any]") -> str:
    """Return how a column is shown: one of the kinds that docs/reference/page.md lists."""
    if name in KINDS:
        return KINDS[name]
    if name.startswith("verdict"):
        return "verdict"
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return "text"
    if "difference" in name:
        return "difference"
    if name == "p" or name.startswith("p_"):
        return "p"
    if is_metric_column(re.sub("_(mean|std|ci|published)$", "", name)):
        return "quality"
    if name.endswith("bytes") or name.startswith("rows_"):
        return "count"
    return "seconds" if name.endswith(("_s", "_s_mean")) else "number"


def rows_of(table: pd.DataFrame) -> list[list[Any]]:
    """Return the cells of a table, row by row; empty ones are None."""
    return [[plain(value) for value in row] for row in table.itertuples(index=False, name=None)]


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: a number of 12 digits that is finite, a text, true or false, or None."""
    if is_empty(value):
        return None
    if isinstance(value, bool | str):
        return value
    try:
        found = float(value)
    except (TypeError, ValueError):
        return str(value)
    if found.is_integer() and abs(found) < 2**53:
        return int(found)
    return float(f"{found:.{DIGITS}g}") if abs(found) < float("inf") else None


def _head(name: str) -> str:
    for kind_, said in (("std", "standard deviation"), ("ci", "half the 95 % interval")):
        metric = name.removesuffix(f"_{kind_}")
        if metric != name and is_metric_column(metric):
            return f"{label(metric)}, {said}"
    if "_difference to " in name:
        metric, _, reference = name.partition("_difference to ")
        return f"{label(metric)} \N{MINUS SIGN} {reference}" if is_metric_column(metric) else name
    if name.endswith("_difference"):
        metric = name.removesuffix("_difference")
        return f"{label(metric)} difference" if is_metric_column(metric) else name
    return head(name)
