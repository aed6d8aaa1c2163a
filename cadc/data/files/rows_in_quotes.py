"""Rows that two lone quotes have swallowed: what stands between them is a valid quoted value, but looks like rows."""

import re

import numpy as np

from cadc.data.files.records import Records

LINE_BREAK = re.compile(rb"\r?\n|\r")
LETTERS, DIGITS = re.compile(rb"[A-Za-z\x80-\xff]+"), re.compile(rb"[0-9]+")
NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
N_USUAL = 50
"""Rows of a piece that tell how the values of a column look."""
MAX_SHAPES = 2
"""A column whose values have more shapes than this does not tell a row from text."""
MANY_LINES = 4
"""A value of so many lines that each have the columns of a row is suspicious, even if no column tells more."""


def swallowed_rows(records: Records, first: int, separator: bytes, n_columns: int) -> tuple[int, int] | None:
    """Return the first and last line of a record whose lines each look like a row of the file; None if there is none.

    Each line of the record has as many columns as the file, and values of the usual shape in all columns that have
    one, as ids, numbers and dates do. Where no column has one, the record must have at least `MANY_LINES` lines.

    Parameters
    ----------
    records : records of the file.
    first : number of the first record that is a row.
    separator : separator of two columns, one byte.
    n_columns : number of columns of the file.
    """
    starts, ends = records.starts[first:], records.ends[first:]
    breaks = records.breaks[np.searchsorted(records.breaks, starts[0]) :] if len(starts) else records.breaks[:0]
    if n_columns < 2 or not len(breaks):
        return None
    separators = np.flatnonzero(np.frombuffer(records.data, np.uint8) == separator[0])
    # Lines of all records: those that end in a quoted line break, and the last one of each record.
    line_ends = np.sort(np.concatenate([breaks, ends]))
    of_record = np.searchsorted(ends, line_ends)
    line_starts = np.concatenate([[0], line_ends[:-1] + 1])
    line_starts[np.concatenate([[True], of_record[1:] != of_record[:-1]])] = starts
    n_separators = np.searchsorted(separators, line_ends) - np.searchsorted(separators, line_starts)
    n_lines = np.bincount(of_record, minlength=len(ends))
    n_like_rows = np.bincount(of_record[n_separators == n_columns - 1], minlength=len(ends))
    suspects = np.flatnonzero((n_lines > 1) & (n_like_rows == n_lines))
    if not len(suspects):
        return None
    usual = np.flatnonzero((n_lines == 1) & (n_like_rows == 1))[:N_USUAL]
    shapes = _usual_shapes([records.data[starts[row] : ends[row]].split(separator) for row in usual])
    for row in suspects:
        start, end = int(starts[row]), int(ends[row])
        lines = [line.split(separator) for line in LINE_BREAK.split(records.data[start:end])]
        alike = all(_is_alike(line[column], known) for column, known in shapes.items() for line in lines)
        if alike and (shapes or len(lines) >= MANY_LINES):
            return records.line_of(start), records.line_of(end)
    return None


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
