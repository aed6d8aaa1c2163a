"""Rows of text in aligned columns that fit a terminal: what matters least is left out, long texts are cut."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass

GAP = 2
"""Spaces between two columns."""


@dataclass(frozen=True)
class Column:
    """A column of text.

    Parameters
    ----------
    head : its heading.
    cells : one for each row.
    is_number : whether cells end, and not begin, below each other.
    weight : on a terminal that is too narrow, columns of the least weight are left out first.
    least : width to which longer cells may be cut; None if they must not be.
    """

    head: str
    cells: Sequence[str]
    is_number: bool = False
    weight: int = 0
    least: int | None = None


def terminal_width() -> int | None:
    """Return the width of the terminal that standard output goes to; None if it goes elsewhere."""
    # `$COLUMNS` does not count elsewhere: programs that load readline hand it down to what they start.
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def aligned(columns: Sequence[Column], width: int | None = None) -> tuple[list[str], bool]:
    """Return a line of headings and a line for each row, and whether anything was left out or cut.

    Columns without any text are left out at every width.

    Parameters
    ----------
    columns : of equal length.
    width : most characters of a line; None for as many as it takes.

    Examples
    --------
    >>> columns = [Column("run", ["a", "b"], weight=2), Column("seconds", ["9.5", "11.0"], True)]
    >>> aligned([*columns, Column("reason", ["out of memory", ""], weight=1, least=6)], width=22)
    (['run  seconds  reason', 'a        9.5  out of …', 'b       11.0'], True)
    """
    from rich.cells import cell_len

    kept = [column for column in columns if any(column.cells)]
    natural = {id(column): max(map(cell_len, (column.head, *column.cells))) for column in kept}
    widths = dict(natural)
    is_cut = False
    if width is not None:
        least = {
            id(column): min(natural[id(column)], max(cell_len(column.head), column.least or natural[id(column)]))
            for column in kept
        }
        while len(kept) > 1 and _total([least[id(column)] for column in kept]) > width:
            lightest = min(column.weight for column in kept)
            kept.remove(next(column for column in reversed(kept) if column.weight == lightest))
            is_cut = True
        room = width - _total([least[id(column)] for column in kept])
        for column in sorted(kept, key=lambda column: -column.weight):
            widths[id(column)] = min(natural[id(column)], least[id(column)] + max(0, room))
            room -= widths[id(column)] - least[id(column)]
        is_cut = is_cut or any(widths[id(column)] < natural[id(column)] for column in kept)
    lines = []
    for row in zip(*((column.head, *column.cells) for column in kept), strict=True):
        cells = [_cell(text, widths[id(column)], column) for text, column in zip(row, kept, strict=True)]
        lines.append((" " * GAP).join(cells).rstrip())
    return lines, is_cut


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _cell(text: str, width: int, column: Column) -> str:
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) > width:
        text = f"{set_cell_size(text, width - 1)}…"
    padding = " " * (width - cell_len(text))
    return padding + text if column.is_number else text + padding
