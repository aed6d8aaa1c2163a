"""The table as printed: the arm whole, and as many columns as the terminal has room for, the most important first."""

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import pandas as pd

from cadc import escape
from cadc.reporting.written.shown_columns import ARM, DATASET, SEEDS, ShownColumn, first_columns, shown_columns

if TYPE_CHECKING:
    from rich.table import Table

LONGEST = 200
"""Longest name that is printed, in characters."""

ELSEWHERE = 120
"""Width where the output goes to a file or a pipe and `COLUMNS` is not set."""

GAP = 2
"""Spaces between columns."""

MOST_LINES = 3
"""Lines of a head."""

LEAST_ARM, LONGEST_WORD = 24, 40
"""Widths, in letters, below which names of arms are not wrapped, and up to which their words are kept whole."""


def print_table(title: str, table: pd.DataFrame, wide: bool = False) -> None:
    """Print a table with its notes and verdicts.

    Columns that do not fit the width are left out, and named below the table. An arm is never cut: it is wrapped where
    the first metric and the costs would have no room beside it.

    Parameters
    ----------
    title : line above the table.
    table : as `cadc.reporting.table.build_table` returns it, with or without further columns.
    wide : whether all columns are printed, however wide the terminal is.
    """
    columns = [_escaped(column) for column in shown_columns(table)]
    datasets = [column for column in columns if column.name == DATASET]
    columns = [column for column in columns if column.name != DATASET]
    sections = _sections(datasets[0].cells if datasets else [""] * len(table))
    width = shutil.get_terminal_size((ELSEWHERE, 50)).columns
    names = [*columns[0].cells, *(section for section, _, _ in sections)]
    widths = {column.name: _width(column) for column in columns} | {ARM: _widest(["arm", *names])}
    least = _least_width(columns[0].cells)
    kept = columns if wide else _fitting(columns, widths, width, least)
    if not wide:
        widths[ARM] = min(widths[ARM], max(least, widths[ARM] + width - _total(kept, widths)))
    printed = _table(kept, widths)
    for section, start, end in sections:
        if section:
            printed.add_row(section, style="bold")
        for place in range(start, end):
            printed.add_row(*(column.cells[place] for column in kept))
    left_out = sorted((column for column in columns if column not in kept), key=lambda column: column.rank)
    below = [*_left_out([column.head for column in left_out]), *table.attrs.get("note", "").splitlines()]
    below += table.attrs.get("verdicts", ())
    _print(title, printed, max(width, _total(kept, widths)), list(map(escape.terminal, below)))


def _escaped(column: ShownColumn) -> ShownColumn:
    cells = tuple(escape.terminal(cell, LONGEST) for cell in column.cells)
    return ShownColumn(column.name, escape.terminal(column.head, LONGEST), cells, column.rank, column.is_text)


def _sections(datasets: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return name, first row and end of each run of equal data sets."""
    starts = [place for place, name in enumerate(datasets) if place == 0 or name != datasets[place - 1]]
    return [(datasets[start], start, end) for start, end in pairwise([*starts, len(datasets)])]


def _widest(texts: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, texts))


def _width(column: ShownColumn) -> int:
    """Return the width of a column in letters; a long head is wrapped between its words, into three lines or fewer."""
    width = _widest([*column.cells, *column.head.split(" ")])
    while len(_wrapped(column.head, width)) > MOST_LINES:
        width += 1
    return width


def _wrapped(head: str, width: int) -> list[str]:
    return textwrap.wrap(head, width, break_long_words=False, break_on_hyphens=False)


def _least_width(arms: Sequence[str]) -> int:
    """Return the width to which names of arms may be wrapped."""
    return min(max(LEAST_ARM, _widest([word for arm in arms for word in arm.split(" ")])), LONGEST_WORD, _widest(arms))


def _fitting(columns: Sequence[ShownColumn], widths: dict[str, int], width: int, least: int) -> list[ShownColumn]:
    """Return the columns that fit; names of arms are wrapped for the costs, but for nothing that comes after them.

    What tells rows apart and the first metric are always there.
    """
    needed = sum(column.rank <= 1 for column in columns)
    first = [column for column in columns if column.rank < SEEDS]
    of_all = _most(columns, widths, width, needed)
    wrapped = _most(first, widths | {ARM: least}, width, needed)
    return wrapped if len(wrapped) > len(of_all) else of_all


def _most(columns: Sequence[ShownColumn], widths: dict[str, int], width: int, count: int) -> list[ShownColumn]:
    """Return as many columns as fit, at least so many."""
    while count < len(columns) and _total(first_columns(columns, count + 1), widths) <= width:
        count += 1
    return first_columns(columns, count)


def _total(columns: Sequence[ShownColumn], widths: dict[str, int]) -> int:
    return sum(widths[column.name] + GAP for column in columns) - GAP


def _table(columns: Sequence[ShownColumn], widths: dict[str, int]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    printed = Table(box=box.SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False, show_edge=False)
    heads = [_wrapped(column.head, widths[column.name]) for column in columns]
    height = max(map(len, heads))
    for column, lines in zip(columns, heads, strict=True):
        printed.add_column(
            Text("\n".join([*[""] * (height - len(lines)), *lines])),
            justify="left" if column.is_text else "right",
            width=widths[column.name],
            no_wrap=column.name != ARM,
            overflow="fold",
        )
    return printed


def _left_out(heads: Sequence[str]) -> Iterator[str]:
    if heads:
        more = f" and {len(heads) - 4} more" if len(heads) > 5 else ""
        named = heads[:4] if more else heads
        yield f"Not shown: {', '.join(named)}{more}; --wide shows all columns."


def _print(title: str, printed: "Table", width: int, below: Sequence[str]) -> None:
    """Write title, table and notes on standard output."""
    from rich.console import Console
    from rich.text import Text

    console = Console(width=width, height=100, markup=False, emoji=False, highlight=False)
    # Written by ourselves, since rich would end the process where the output has no reader.
    with console.capture() as written:
        console.print(Text(escape.terminal(title, LONGEST), style="bold"))
        console.print()
        console.print(printed)
        for line in ["", *below] if below else ():
            console.print(line)
    sys.stdout.write(written.get())
