"""Rows that two lone quotes have swallowed: what stands between them is a valid quoted value, but looks like rows."""

import re

import numpy as np
from numpy.typing import NDArray

from cadc.data.files.records import Records

NUMBER = re.compile(rb'"?[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"?\r?')
N_USUAL = 50
"""Rows of a piece that tell which columns hold numbers."""
MANY_LINES = 4
"""A value of so many lines that each look like a row is suspicious, though no column holds numbers."""


def swallowed_rows(records: Records, separator: bytes, n_columns: int) -> tuple[int, int] | None:
    """Return the first and last line of a record whose lines each look like a row of the file; None if there is none.

    Each line of the record has as many columns as the file, and numbers in all columns of numbers. Where no column
    holds numbers, the record must have at least `MANY_LINES` lines.

    Parameters
    ----------
    records : records of the file.
    separator : separator of two columns, one byte.
    n_columns : number of columns of the file.
    """
    breaks = records.breaks
    if n_columns < 2 or not len(breaks):
        return None
    separators = np.flatnonzero(np.frombuffer(records.data, np.uint8) == separator[0])
    # Lines of all records: those that end in a quoted line break, and the last one of each record.
    line_ends = np.sort(np.concatenate([breaks, records.ends]))
    of_record = np.searchsorted(records.ends, line_ends)
    line_starts = np.concatenate([[0], line_ends[:-1] + 1])
    first_lines = np.concatenate([[True], of_record[1:] != of_record[:-1]])
    line_starts[first_lines] = records.starts
    n_separators = np.searchsorted(separators, line_ends) - np.searchsorted(separators, line_starts)
    n_lines = np.bincount(of_record, minlength=len(records.ends))
    n_like_rows = np.bincount(of_record[n_separators == n_columns - 1], minlength=len(records.ends))
    suspects = np.flatnonzero((n_lines > 1) & (n_like_rows == n_lines))
    if not len(suspects):
        return None
    numbers = _number_columns(records, separator, np.flatnonzero((n_lines == 1) & (n_like_rows == 1))[:N_USUAL])
    for record in suspects:
        start, end = int(records.starts[record]), int(records.ends[record])
        lines = records.data[start:end].split(b"\n")
        if all(NUMBER.fullmatch(line.split(separator)[column]) for column in numbers for line in lines) and (
            numbers or len(lines) >= MANY_LINES
        ):
            return records.line_of(start), records.line_of(end)
    return None


def _number_columns(records: Records, separator: bytes, usual: NDArray[np.int64]) -> list[int]:
    """Return which columns hold numbers in all of some records that have one line each."""
    found: set[int] | None = None
    for record in usual:
        values = records.data[records.starts[record] : records.ends[record]].split(separator)
        columns = {column for column, value in enumerate(values) if NUMBER.fullmatch(value)}
        found = columns if found is None else found & columns
    return sorted(found or ())
