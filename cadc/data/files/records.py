"""A text file cut into pieces of whole records, which are counted without parsing them."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cadc.data.files.quotes import CARRIAGE_RETURN, LINE_FEED, Quotes
from cadc.data.files.text_stream import TextStream, n_line_ends
from cadc.errors import DataError, shown

MAX_RECORD_BYTES = 32 << 20
"""Longest record: what is longer is rather a quote that is never closed, or not a table."""
LINE_ENDS = re.compile(rb"\r\r?\n|\n|\r")
QUOTED = (
    "In a table with quotes a value that holds one is quoted itself and its quotes are doubled; if quotes in this file "
    "are characters like any other, set data.quoting=none"
)


@dataclass(frozen=True)
class Records:
    """Some whole records of a text file, in the order of the file.

    Parameters
    ----------
    data : their bytes.
    starts, ends : position of the first byte of each record and of its line end, int64, shape [n]; the last end may be
        `len(data)`.
    blank : position of each blank line, which is not a record, int64, shape [m].
    breaks : position of each line feed inside a quoted value, int64, shape [k].
    first_line : number of the line where `data` begins.
    n_lines : number of lines in `data`.
    quotes : quoted values; None if there is none.
    """

    data: bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    blank: NDArray[np.int64]
    breaks: NDArray[np.int64]
    first_line: int
    n_lines: int
    quotes: Quotes | None

    def line_of(self, position: int) -> int:
        """Return the number of the line that a position of `data` is in."""
        return self.first_line + n_line_ends(self.data[:position])


class RecordReader:
    r"""Cuts a text file at the ends of records, so that every piece can be parsed by itself.

    A record ends with a line; a line end inside a quoted value is part of the value. Lines end in `\n` or `\r\n`, or in
    `\r` throughout. A blank line is not a record.

    Parameters
    ----------
    stream : bytes of the file from its beginning.
    separator : separator of two columns, one byte.
    has_quotes : whether quotes enclose values.
    block_bytes : bytes of a piece, about.

    Raises
    ------
    DataError : if a quoted value is never closed or is followed by text, a record is longer than `MAX_RECORD_BYTES`, or
        lines end in different ways. The line is named.
    """

    def __init__(self, stream: TextStream, separator: bytes, has_quotes: bool, block_bytes: int) -> None:
        self.path: Path = stream.path
        self._stream, self._separator, self._has_quotes, self._block_bytes = stream, separator, has_quotes, block_bytes
        self._line_end: int | None = None

    def pieces(self) -> Iterator[Records]:
        """Yield the records in pieces, some of which may have none."""
        rest, line = b"", 1
        while True:
            # Twice as much each time, so that a long record is not searched from its beginning many times.
            added = self._stream.read(max(self._block_bytes, len(rest)))
            data = rest + added
            if not data:
                return
            records = self._cut(data, line, at_end=not added)
            n_used = len(records.data)
            yield records
            if not added:
                return
            rest, line = data[n_used:], line + records.n_lines
            if len(rest) > MAX_RECORD_BYTES:
                raise DataError(self._too_long(rest, line))

    def _cut(self, data: bytes, line: int, at_end: bool) -> Records:
        """Return the whole records at the beginning of `data`."""
        content = np.frombuffer(data, np.uint8)
        quotes = Quotes(data, self._separator) if self._has_quotes and b'"' in data else None
        if quotes:
            self._refuse_text_after(quotes, data, line, at_end)
        if self._line_end is None:
            self._line_end = _first_line_end(data, quotes)
        line_ends = np.flatnonzero(content == (self._line_end or LINE_FEED))
        inside = quotes.contain(line_ends) if quotes else np.zeros(len(line_ends), np.bool_)
        ends, breaks = line_ends[~inside], line_ends[inside]
        if at_end:
            if not (len(ends) and ends[-1] == len(data) - 1):
                ends = np.append(ends, len(data))
            n_used = len(data)
        else:
            n_used = int(ends[-1]) + 1 if len(ends) else 0
        starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64) if len(ends) else ends
        breaks = breaks[: np.searchsorted(breaks, n_used)]
        piece = data[:n_used]
        self._refuse_other_line_ends(piece, ends, quotes, line)
        filled = ~_are_blank(content, starts, ends)
        n_lines = len(ends) + len(breaks)
        records = Records(piece, starts[filled], ends[filled], starts[~filled], breaks, line, n_lines, quotes)
        self._refuse_marks(records)
        return records

    def _refuse_marks(self, records: Records) -> None:
        """Raise a DataError for a record that begins with a byte order mark, which would be part of its first value."""
        first_bytes = np.frombuffer(records.data, np.uint8)[records.starts]
        for start in records.starts[first_bytes == codecs.BOM_UTF8[0]]:
            if records.data.startswith(codecs.BOM_UTF8, start):
                raise DataError(
                    f"{self.path}, line {records.line_of(start)} begins with a byte order mark, as where files were "
                    "put together; remove it."
                )

    def _refuse_text_after(self, quotes: Quotes, data: bytes, line: int, at_end: bool) -> None:
        """Raise a DataError for a quoted value that is followed by text, or that is open at the end of the file."""
        if found := quotes.followed_by_text():
            opened, closed = (line + n_line_ends(data[:position]) for position in found)
            where = f"in line {closed}" if closed != opened else "in the same line"
            text = re.split(rb"[\r\n]", data[found[1] + 1 : found[1] + 100], maxsplit=1)[0].decode(errors="replace")
            raise DataError(
                f"{self.path}, line {opened}: a quote opens a value here; the next one, {where}, is followed by "
                f"{shown(text, 20)}, not by a separator or the end of the line. {QUOTED}."
            )
        if at_end and len(quotes.ends) and quotes.ends[-1] == len(data):
            opened = line + n_line_ends(data[: quotes.starts[-1]])
            raise DataError(f"{self.path}, line {opened}: a quote opens a value here that is never closed. {QUOTED}.")

    def _refuse_other_line_ends(self, piece: bytes, ends: NDArray[np.int64], quotes: Quotes | None, line: int) -> None:
        """Raise a DataError for a line that ends as the others do not; Arrow would take it for the end of a record."""
        other = LINE_FEED if self._line_end == CARRIAGE_RETURN else CARRIAGE_RETURN
        if other not in piece:
            return
        content = np.frombuffer(piece, np.uint8)
        is_other = content == other
        if other == CARRIAGE_RETURN and np.count_nonzero(is_other) == np.count_nonzero(is_other[ends - 1]):
            return
        found = np.flatnonzero(is_other)
        if quotes:
            found = found[~quotes.contain(found)]
        if other == CARRIAGE_RETURN:
            # Line ends that were converted twice, `\r\r\n`, are line ends, and so is one that was cut off.
            padded = np.append(content, [LINE_FEED, LINE_FEED]).astype(np.uint8)
            next_one, next_but_one = padded[found + 1], padded[found + 2]
            found = found[~((next_one == LINE_FEED) | ((next_one == other) & (next_but_one == LINE_FEED)))]
        if len(found):
            at = line + n_line_ends(piece[: found[0]])
            name, usual = (
                ("carriage return", "line feed") if other == CARRIAGE_RETURN else ("line feed", "carriage return")
            )
            raise DataError(
                f"{self.path}, line {at} holds a {name} where lines end in a {usual}; quote the value that it belongs "
                "to, or end all lines in the same way."
            )

    def _too_long(self, rest: bytes, line: int) -> str:
        """Return what is wrong with a record that does not end within `MAX_RECORD_BYTES`."""
        fault = f"{self.path}, line {line}: a row of more than {MAX_RECORD_BYTES >> 20} MiB begins here"
        quotes = Quotes(rest, self._separator) if self._has_quotes and b'"' in rest else None
        if quotes and quotes.ends[-1] == len(rest):
            opened = line + n_line_ends(rest[: quotes.starts[-1]])
            return f"{fault}; the quote that opens a value in line {opened} is not closed. {QUOTED}."
        return f"{fault}; is this a table with a row in each line?"


def _first_line_end(data: bytes, quotes: Quotes | None) -> int | None:
    """Return the character by which the first line ends, outside quotes; None if `data` does not tell."""
    for match in LINE_ENDS.finditer(data):
        if quotes is None or not quotes.contain(np.array([match.start()]))[0]:
            if match[0] != b"\r":
                return LINE_FEED
            # A carriage return at the very end may belong to a line feed that comes next.
            return CARRIAGE_RETURN if match.end() < len(data) else None
    return None


def _are_blank(content: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which lines hold nothing but carriage returns, at most two."""
    lengths = ends - starts
    blank = lengths == 0
    for length in (1, 2):
        short = np.flatnonzero(lengths == length)
        returns = (content[starts[short]] == CARRIAGE_RETURN) & (content[ends[short] - 1] == CARRIAGE_RETURN)
        blank[short[returns]] = True
    return blank
