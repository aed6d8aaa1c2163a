"""Text files whose lines are tokens between blanks, cut into tokens without a loop over lines."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cadc.data.column_block import fits
from cadc.data.files.formats import COMPRESSIONS
from cadc.data.files.records import RecordReader, Records
from cadc.data.files.text_stream import TextStream
from cadc.data.text import BLOCK_BYTES, unreadable
from cadc.errors import DataError, shown

Positions = NDArray[np.int64]
BLANKS = b" \t\r\n"
MAX_DIGITS = 18
"""Digits of a whole number that certainly fits into 64 bits."""


class TokenLines:
    """The tokens of consecutive lines of a file; a line without tokens does not count.

    Parameters
    ----------
    path : the file, for messages.
    records : its lines.

    Attributes
    ----------
    starts, ends : position of the first byte of each token and of the one behind its last, int64, shape [T].
    firsts : number of the first token of each line, int64, shape [n].
    counts : number of tokens of each line, at least 1, int64, shape [n].
    n_blank : number of lines without tokens.
    n_trailing : number of lines with a blank behind the last token.
    """

    def __init__(self, path: Path, records: Records) -> None:
        self.path, self._records = path, records
        self._content = np.frombuffer(records.data, np.uint8)
        is_blank = np.isin(self._content, np.frombuffer(BLANKS, np.uint8))
        edges = np.flatnonzero(np.diff(np.concatenate([[True], is_blank, [True]])))
        self.starts, self.ends = edges[::2], edges[1::2]
        firsts = np.searchsorted(self.starts, records.starts)
        counts = np.diff(np.append(firsts, len(self.starts)))
        self.firsts, self.counts = firsts[counts > 0], counts[counts > 0]
        self.n_blank = len(records.blank) + int(np.count_nonzero(counts == 0))
        last = self.ends[self.firsts + self.counts - 1]
        self.n_trailing = int(np.count_nonzero(np.isin(self._content[last[last < len(is_blank)]], [32, 9])))

    def whole_numbers(self, what: str, starts: Positions, ends: Positions) -> NDArray[np.int64]:
        """Return pieces of the text as whole numbers, int64, shape [m].

        Parameters
        ----------
        what : what they are, for messages.
        starts, ends : position of the first byte of each piece and of the one behind its last, int64, shape [m].

        Raises
        ------
        DataError : for a piece that holds anything but digits, or more than `MAX_DIGITS` of them.
        """
        digits = self._content - np.uint8(48)
        n_others = np.concatenate([[0], np.cumsum(digits > 9)])
        lengths = ends - starts
        is_whole = (n_others[ends] == n_others[starts]) & (lengths > 0)
        self.refuse(~is_whole, starts, ends, f"is not a whole number; expected {what}")
        self.refuse(lengths > MAX_DIGITS, starts, ends, f"has more than {MAX_DIGITS} digits; expected {what}")
        numbers = np.zeros(len(starts), np.int64)
        for place in range(int(lengths.max(initial=0))):
            longer = np.flatnonzero(lengths > place)
            numbers[longer] = 10 * numbers[longer] + digits[starts[longer] + place]
        return numbers

    def numbers(self, what: str, starts: Positions, ends: Positions) -> NDArray[np.float64]:
        """Return pieces of the text as numbers, float64, shape [m]; see `whole_numbers`.

        Raises
        ------
        DataError : for a piece that is not a finite number.
        """
        texts = self._texts(starts, ends)
        fault = f"is not a number; expected {what}"
        try:
            found = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            self.refuse(np.array([not fits(text, pa.float64()) for text in texts]), starts, ends, fault)
            raise
        self.refuse(~np.isfinite(found), starts, ends, fault)
        return np.asarray(found)

    def only(self, byte: int, starts: Positions, ends: Positions, fault: str) -> Positions:
        """Return where each piece of the text holds a byte, int64, shape [m].

        Raises
        ------
        DataError : for a piece that holds it several times, or not at all.
        """
        found = np.flatnonzero(self._content == byte)
        first, behind = np.searchsorted(found, starts), np.searchsorted(found, ends)
        self.refuse(behind - first != 1, starts, ends, fault)
        return found[first]

    def are(self, byte: bytes, starts: Positions, ends: Positions) -> NDArray[np.bool_]:
        """Tell which pieces of the text are one byte and nothing else, bool, shape [m]."""
        one_long = ends - starts == 1
        return one_long & (self._content[np.where(one_long, starts, 0)] == byte[0])

    def _texts(self, starts: Positions, ends: Positions) -> pa.Array:
        lengths = ends - starts
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        within = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        data = pa.py_buffer(self._content[within])
        return pa.StringArray.from_buffers(len(starts), pa.py_buffer(offsets.astype(np.int32)), data)

    def refuse(self, wrong: NDArray[np.bool_], starts: Positions, ends: Positions, fault: str) -> None:
        """Raise a DataError for the first piece of the text that is wrong (bool, shape [m]), if any is."""
        if at := np.flatnonzero(wrong)[:1].tolist():
            start, end = int(starts[at[0]]), int(ends[at[0]])
            text = bytes(self._content[start:end]).decode(errors="replace")
            raise DataError(f"{self.path}, line {self._records.line_of(start)}: {shown(text, 42)} {fault}.")

    def refuse_lines(self, wrong: NDArray[np.bool_], fault: str) -> None:
        """Raise a DataError for the first line that is wrong (bool, shape [n]), if any is."""
        if at := np.flatnonzero(wrong)[:1].tolist():
            line = self._records.line_of(int(self.starts[self.firsts[at[0]]]))
            raise DataError(f"{self.path}, line {line}: found {self.counts[at[0]]} values, {fault}.")


def read_token_lines(path: Path) -> Iterator[TokenLines]:
    """Yield the lines of a text file, which may be compressed, in blocks.

    Raises
    ------
    DataError : if the file cannot be read, is not text in UTF-8, or its lines end in different ways.
    """
    compression = COMPRESSIONS.get(path.suffix.lower())
    try:
        with TextStream(path, compression) as stream:
            for records in RecordReader(stream, b" ", False, BLOCK_BYTES).pieces():
                yield TokenLines(path, records)
    except OSError as error:
        raise unreadable(path, error) from error
