"""Tables in Markdown: of an experiment for people, and of any heads and cells."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from cadc import escape
from cadc.reporting.columns import shown
from cadc.reporting.written.shown_columns import DATASET, first_columns, shown_columns

MOST_COLUMNS = 10
"""Columns of a table that can still be read on a page."""


def markdown_table(table: pd.DataFrame) -> str:
    """Return the ten most important columns of a table, intervals beside their means; each data set has its own table.

    Parameters
    ----------
    table : as `cadc.reporting.table.build_table` returns it, with or without further columns.
    """
    columns = shown_columns(table, joined=True)
    datasets = next((column.cells for column in columns if column.name == DATASET), None)
    columns = first_columns([column for column in columns if column.name != DATASET], MOST_COLUMNS)
    heads = [column.head for column in columns]
    rows = list(zip(*(column.cells for column in columns), strict=True))
    if datasets is None:
        return markdown_rows(heads, rows)
    return "\n".join(
        f"**{escape.markdown(name)}**\n\n"
        + markdown_rows(heads, [row for row, own in zip(rows, datasets, strict=True) if own == name])
        for name in dict.fromkeys(datasets)
    )


def markdown_frame(frame: pd.DataFrame) -> str:
    """Return a data frame with all its columns under their own names."""
    names = [str(name) for name in frame]
    return markdown_rows(names, ([shown(name, row[name]) for name in names] for row in frame.to_dict("records")))


def markdown_rows(heads: Iterable[Any], rows: Iterable[Sequence[Any]]) -> str:
    """Return heads and cells as a table in Markdown, whatever texts they are."""
    columns = [escape.markdown(str(head)) for head in heads]
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(escape.markdown(str(cell)) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
