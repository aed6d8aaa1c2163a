"""The table as printed in a terminal: its most important columns."""

import sys
from collections.abc import Sequence
from typing import Any

import pandas as pd

from cadc import escape
from cadc.reporting.columns import head, is_empty, label, shown, shown_in
from cadc.reporting.points import ARM_COLUMNS, leading_columns

LONGEST = 200
"""Longest name that is printed, in characters."""

OWN_FORM = ("rows_kept", "total_s_mean", "embedding_bytes")
"""Columns of every table that are formatted separately."""


def print_table(title: str, table: pd.DataFrame) -> None:
    """Print arms, means ± half intervals (standard deviations beside them), costs, differences and verdicts."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    metrics = table.attrs["metrics"]
    compared = [
        str(name) for name in table if is_of_comparison(str(name)) and not str(name).endswith(("_low", "_high"))
    ]
    compared = [name for name in compared if not name.startswith(("p_", "seeds_"))]
    further = further_columns(table)
    printed = Table(title=Text(escape.terminal(title, LONGEST)))
    leading = leading_columns(table)
    heads = list(leading)
    heads += [text for metric in metrics for text in (label(metric), "± 95 %")]
    heads += ["rows", "seconds", "table bytes", *map(head, further), *map(_compared_head, compared)]
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    shown_rows = [
        [escape.terminal(cell, LONGEST) for cell in _cells(row, leading, metrics, [*further, *compared])]
        for row in rows
    ]
    for name, *column in zip(heads, *shown_rows, strict=True):
        is_text = name in ("dataset", "arm", "embedding") or name.startswith("verdict")
        # Names of arms and references may wrap, numbers may not.
        wraps = name == "arm" or " to " in name
        widest = max(map(cell_len, (name, *column)))
        least = min(32, widest) if name == "arm" else 9 if wraps else widest
        printed.add_column(
            Text(escape.terminal(name, LONGEST)),
            justify="left" if is_text else "right",
            no_wrap=not wraps,
            min_width=least,
        )
    before = table["dataset"].iloc[0]
    for row, cells in zip(rows, shown_rows, strict=True):
        if row["dataset"] != before:
            printed.add_section()
        before = row["dataset"]
        printed.add_row(*map(Text, cells))
    width = Console().width if Console().is_terminal else 100 + 11 * (len(heads) - 6)
    # On a narrow terminal lines are wrapped, not numbers cut.
    needed = Console(width=10_000, height=100).measure(printed).minimum
    console = Console(width=max(width, needed), height=100, markup=False, emoji=False, highlight=False)
    # Written by ourselves, since rich would end the process where the output has no reader.
    with console.capture() as written:
        console.print(printed)
        for line in (*table.attrs.get("note", "").splitlines(), *table.attrs.get("verdicts", ())):
            console.print(escape.terminal(line))
    sys.stdout.write(written.get())


def is_of_comparison(column: str) -> bool:
    """Tell whether a column belongs to the comparison with a reference."""
    return "_difference" in column or column.startswith(("p_holm", "p_margin_holm", "seeds_compared", "verdict"))


def further_columns(table: pd.DataFrame) -> list[str]:
    """Return the columns that an experiment asks for besides those of every table."""
    metrics = table.attrs["metrics"]
    usual = {*ARM_COLUMNS, "seeds", *OWN_FORM, *(f"{m}_{kind}" for m in metrics for kind in ("mean", "std", "ci"))}
    return [str(name) for name in table if name not in usual and not is_of_comparison(str(name))]


def _compared_head(column: str) -> str:
    return column.replace("_difference", " difference")


def _cells(row: dict[str, Any], leading: Sequence[str], metrics: Sequence[str], others: Sequence[str]) -> list[str]:
    first = [
        "" if is_empty(row[name]) else f"{100 * row[name]:g} %" if name == "rate" else shown(name, row[name])
        for name in leading
    ]
    values = [shown_in(row, name) for metric in metrics for name in (f"{metric}_mean", f"{metric}_ci")]
    rows, size = ("" if is_empty(row[name]) else f"{int(row[name]):,}" for name in ("rows_kept", "embedding_bytes"))
    seconds = "" if is_empty(row["total_s_mean"]) else f"{row['total_s_mean']:.1f}"
    return [*first, *values, rows, seconds, size, *(shown(name, row[name]) for name in others)]
