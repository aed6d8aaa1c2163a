"""Rows that two lone quotes have swallowed: what stands between them is a valid quoted value, but looks like rows."""

import re

import numpy as np
from numpy.typing import NDArray

from cadc.data.files.records import Records

LINE_BREAK = re.compile(rb"\r?\n|\r")
LETTERS, DIGITS = re.compile(rb"[A-Za-z\x80-\xff]+"), re.compile(rb"[0-9]+")
NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
N_USUAL = 50
"""Rows that tell how the values of a column look."""
FEW = 2
"""Fewer rows do not tell how values look."""
MAX_SHAPES = 2
"""A column whose values have more shapes than this does not tell a row from text."""
MANY_LINES = 4
"""A value of so many lines that each have the columns of a row is suspicious, even if no column tells more."""


class RowsInQuotes:
    """Looks for records of which each line looks like a row of the file.

    Each line of such a record has as many columns as the file, and values of the usual shape in all columns that have
    one, as ids, numbers and dates do. Where no column is known to have one, the record must have `MANY_LINES` lines.

    Parameters
    ----------
    separator : separator of two columns, one byte.
    n_columns : number of columns of the file.
    """

    def __init__(self, separator: bytes, n_columns: int) -> None:
        self._separator, self._n_columns = separator, n_columns
        self._usual: list[list[bytes]] = []

    def find(self, records: Records, first: int) -> tuple[int, int] | None:
        """Return the first and last line of such a record; None if there is none.

        Parameters
        ----------
        records : records of the file.
        first : number of the first record that is a row.
        """
        starts, ends = records.starts[first:], records.ends[first:]
        breaks = records.breaks[np.searchsorted(records.breaks, starts[0]) :] if len(starts) else records.breaks[:0]
        if self._n_columns < 2 or not len(breaks):
            return None
        n_lines, n_like_rows = self._count_lines(records, starts, ends, breaks)
        suspects = np.flatnonzero((n_lines > 1) & (n_like_rows == n_lines))
        if not len(suspects):
            return None
        usual = np.flatnonzero((n_lines == 1) & (n_like_rows == 1))[: N_USUAL - len(self._usual)]
        self._usual += [records.data[starts[row] : ends[row]].split(self._separator) for row in usual]
        shapes = _usual_shapes(self._usual) if len(self._usual) >= FEW else {}
        for row in suspects:
            start, end = int(starts[row]), int(ends[row])
            text = records.data[start:end].removesuffix(b"\r")
            lines = [line.split(self._separator) for line in LINE_BREAK.split(text)]
            alike = all(_is_alike(line[column], known) for column, known in shapes.items() for line in lines)
            if alike and (shapes or len(lines) >= MANY_LINES):
                return records.line_of(start), records.line_of(end)
        return None

    def _count_lines(
        self, records: Records, starts: NDArray[np.int64], ends: NDArray[np.int64], breaks: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return of each record the number of its lines, and of those with as many columns as the file."""
        separators = np.flatnonzero(np.frombuffer(records.data, np.uint8) == self._separator[0])
        # Lines of all records: those that end in a quoted line break, and the last one of each record.
        line_ends = np.sort(np.concatenate([breaks, ends]))
        of_record = np.searchsorted(ends, line_ends)
        line_starts = np.concatenate([[0], line_ends[:-1] + 1])
        line_starts[np.concatenate([[True], of_record[1:] != of_record[:-1]])] = starts
        n_separators = np.searchsorted(separators, line_ends) - np.searchsorted(separators, line_starts)
        n_lines = np.bincount(of_record, minlength=len(ends))
        return n_lines, np.bincount(of_record[n_separators == self._n_columns - 1], minlength=len(ends))


def _usual_shapes(rows: list[list[bytes]]) -> dict[int, set[bytes]]:
    """Return the shapes of values in the columns that have few, by number of the column."""
    found = {column: {_shape(value) for value in values} for column, values in enumerate(zip(*rows, strict=True))}
    return {column: shapes for column, shapes in found.items() if len(shapes - {b""}) <= MAX_SHAPES}


def _is_alike(value: bytes, shapes: set[bytes]) -> bool:
    """Tell whether a value has one of some shapes, or holds one of the two lone quotes."""
    return value.count(b'"') % 2 == 1 or _shape(value) in shapes


def _shape(value: bytes) -> bytes:
    """Return `9` for a number; otherwise the value with `9` for digits and `a` for letters that follow each other.

    >>> _shape(b"user17"), _shape(b'"2024-01-31'), _shape(b"1e-5")
    (b'a9', b'9-9-9', b'9')
    """
    value = value.strip(b'"\r')
    return b"9" if NUMBER.fullmatch(value) else DIGITS.sub(b"9", LETTERS.sub(b"a", value))
