"""Quoted values in a piece of a text file: where they begin and end, found without a loop over rows (RFC 4180)."""

import re

import numpy as np
from numpy.typing import NDArray

QUOTE, LINE_FEED, CARRIAGE_RETURN = b'"\n\r'


class Quotes:
    """Quoted values in bytes that begin where a record begins.

    A quote opens a value if it is the first character of a value; elsewhere outside a quoted value it is a character
    like any other, as in `5" nail`. Inside a quoted value two quotes mean one.

    Parameters
    ----------
    data : the bytes, which may end anywhere.
    separator : separator of two columns, one byte.

    Attributes
    ----------
    starts, ends : position of the opening and of the closing quote of each quoted value, int64, shape [n]; a value
        with doubled quotes may count as several that touch. The end of a value that is still open is `len(data)`.
    """

    def __init__(self, data: bytes, separator: bytes) -> None:
        self._data, self._separator = data, separator
        self._bytes = np.frombuffer(data, np.uint8)
        quotes = np.flatnonzero(self._bytes == QUOTE)
        self._is_strict = self._are_strict(quotes)
        if self._is_strict:
            self.starts = quotes[::2]
            self.ends = np.append(quotes[1::2], len(data)) if len(quotes) % 2 else quotes[1::2]
        else:
            self.starts, self.ends = self._scan()

    def _are_strict(self, quotes: NDArray[np.int64]) -> bool:
        """Tell whether every other quote opens a value and the next one closes it, so that no scan is needed."""
        data, after = self._bytes, quotes[1::2] + 1
        touching = np.diff(quotes) == 1
        # Two touching quotes inside a value mean one; they count as the end of a value and the begin of the next.
        opening = self._are_limits(data[quotes[::2] - 1])
        opening[:1] |= quotes[:1] == 0
        opening[1:] |= touching[1::2][: len(opening) - 1]
        closing = self._are_limits(data[np.minimum(after, len(data) - 1)]) | (after == len(data))
        closing[: len(touching[1::2])] |= touching[1::2]
        return bool(opening.all() and closing.all())

    def _scan(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        before = b"[" + re.escape(self._separator) + rb"\r\n]"
        # What is never closed goes on to the end.
        pattern = re.compile(rb"(?:(?<=" + before + rb')|\A)"(?:[^"]++|"")*+(?:"|\Z)')
        spans = np.array([match.span() for match in pattern.finditer(self._data)], np.int64).reshape(-1, 2)
        starts, ends = spans[:, 0], spans[:, 1] - 1
        if len(ends) and self._is_open(starts[-1], ends[-1]):
            ends[-1] = len(self._data)
        return starts, ends

    def _is_open(self, start: int, end: int) -> bool:
        """Tell whether the last quoted value is not closed by the quote at its end, if there is one."""
        n_quotes = self._data.count(b'"', start, end + 1)
        return n_quotes % 2 == 1

    def _are_limits(self, values: NDArray[np.uint8]) -> NDArray[np.bool_]:
        return (values == self._separator[0]) | (values == LINE_FEED) | (values == CARRIAGE_RETURN)

    def contain(self, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell for each position whether it is within a quoted value, bool, shape [n].

        Parameters
        ----------
        positions : ascending positions of characters other than quotes, shape [n].
        """
        return np.searchsorted(self.starts, positions) > np.searchsorted(self.ends, positions)

    def followed_by_text(self) -> tuple[int, int] | None:
        """Return where the first value opens and closes whose closing quote is followed by text; None if there is none.

        A line break or a separator may follow a closing quote, and the end of `data`.
        """
        if self._is_strict:
            return None
        after = self.ends + 1
        within = after < len(self._data)
        following = self._bytes[after[within]]
        wrong = np.flatnonzero(~self._are_limits(following))
        return (int(self.starts[wrong[0]]), int(self.ends[wrong[0]])) if len(wrong) else None
