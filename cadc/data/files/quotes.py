"""Quoted values in a piece of a text file: where they begin and end, found without a loop over rows (RFC 4180)."""

import re

import numpy as np
from numpy.typing import NDArray

QUOTE, LINE_FEED, CARRIAGE_RETURN = b'"\n\r'
QUOTED_VALUE = re.compile(rb'"(?:[^"]++|"")*+("|\Z)')
"""A value in quotes; one that is never closed goes on to the end."""


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
        self._data = data
        self._bytes = np.frombuffer(data, np.uint8)
        self._is_limit = np.zeros(256, np.bool_)
        self._is_limit[[separator[0], LINE_FEED, CARRIAGE_RETURN]] = True
        quotes = np.flatnonzero(self._bytes == QUOTE)
        self._strict = quotes if self._are_strict(quotes) else None
        if self._strict is None:
            self.starts, self.ends = self._scan(quotes[self._at_begin(quotes)])
        else:
            self.starts, self.ends = quotes[::2], quotes[1::2]
            if len(quotes) % 2:
                self.ends = np.append(self.ends, len(data))

    def _are_strict(self, quotes: NDArray[np.int64]) -> bool:
        """Tell whether every other quote opens a value and the next one closes it, so that no scan is needed."""
        # Two touching quotes inside a value mean one; they count as the end of a value and the begin of the next.
        touching = (np.diff(quotes) == 1)[1::2]
        opening = self._at_begin(quotes[::2])
        opening[1:] |= touching[: len(opening) - 1]
        if not opening.all():
            return False
        after = quotes[1::2] + 1
        at_end = after[-1:] == len(self._bytes)
        closing = self._is_limit[self._bytes[np.minimum(after, len(self._bytes) - 1)]]
        closing[: len(touching)] |= touching
        closing[-1:] |= at_end
        return bool(closing.all())

    def _at_begin(self, quotes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which quotes begin a value, or would outside a quoted one."""
        found = self._is_limit[self._bytes[quotes - 1]]
        found[:1] |= quotes[:1] == 0
        return found

    def _scan(self, at_begin: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where quoted values start and end; a loop over the quoted values, where some quotes are characters."""
        spans = []
        end, candidates = 0, at_begin.tolist()
        for start in candidates:
            if start >= end and (match := QUOTED_VALUE.match(self._data, start)):
                end = match.end()
                is_closed = match[1] == b'"'
                spans.append((start, end - 1 if is_closed else end))
        starts, ends = np.array(spans, np.int64).reshape(-1, 2).T
        return starts, ends

    def contain(self, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell for each position whether it is within a quoted value, bool, shape [n].

        Parameters
        ----------
        positions : ascending positions of characters other than quotes, shape [n].
        """
        if self._strict is not None:
            return np.searchsorted(self._strict, positions) % 2 == 1
        return np.searchsorted(self.starts, positions) > np.searchsorted(self.ends, positions)

    def followed_by_text(self) -> tuple[int, int] | None:
        """Return where the first value opens and closes whose closing quote is followed by text; None if there is none.

        A line break or a separator may follow a closing quote, and the end of `data`.
        """
        if self._strict is not None:
            return None
        after = self.ends + 1
        within = after < len(self._data)
        following = self._bytes[after[within]]
        wrong = np.flatnonzero(~self._is_limit[following])
        return (int(self.starts[wrong[0]]), int(self.ends[wrong[0]])) if len(wrong) else None
