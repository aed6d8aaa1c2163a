"""The bytes of a text file: unpacked within limits, and required to be UTF-8 without NUL bytes."""

import codecs
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa

from cadc.data.archive import MAX_RATIO
from cadc.errors import DataError
from cadc.paths import regular_file

UNPACKED_BYTES = 1 << 28
"""A compressed file that unpacks to more must not grow more than `MAX_RATIO`-fold."""
LONGEST_CHARACTER = 4
"""Bytes of the longest character in UTF-8."""
STEP = 1 << 20
"""Bytes that are read at once to count lines."""
OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""Encodings by the bytes that files begin with; UTF-32 before UTF-16, whose mark begins like it."""


class TextStream:
    """The bytes of a text file, without a byte order mark; to be used in a `with` block.

    Parameters
    ----------
    path : the file.
    compression : Arrow's name of the compression around it; None if there is none.

    Raises
    ------
    DataError : if the text is not UTF-8, holds a NUL byte, or unpacks to far more than its size.
    OSError : if the file cannot be opened, read or unpacked.
    ArrowException : if the file cannot be opened, read or unpacked.
    """

    def __init__(self, path: Path, compression: str | None) -> None:
        self.path = path
        size = regular_file(path).stat().st_size
        self._limit = max(UNPACKED_BYTES, MAX_RATIO * size) if compression else None
        self._compression = compression
        self._file = pa.input_stream(path, compression=compression)
        self._n_read = 0
        self._cut_character = b""

    def __enter__(self) -> "TextStream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """Return the next bytes, at least one and about `size`, in whole characters; none at the end of the file."""
        parts = [self._cut_character] if self._cut_character else []
        # Fewer bytes than the longest character has might be none in whole characters, as at the end of the file.
        n_wanted = max(size, LONGEST_CHARACTER)
        while n_wanted > 0 and (part := self._file.read(n_wanted)):
            parts.append(part)
            n_wanted -= len(part)
        data = b"".join(parts)
        self._n_read += len(data) - len(self._cut_character)
        if self._n_read == len(data):
            data = self._without_mark(data)
        if self._limit and self._n_read > self._limit:
            raise DataError(
                f"{self.path} unpacks to more than {MAX_RATIO} times its size and {UNPACKED_BYTES >> 20} MiB; if that "
                "is meant, unpack it and give the unpacked file."
            )
        return self._checked(data, at_end=n_wanted > 0)

    def _without_mark(self, data: bytes) -> bytes:
        for mark, encoding in OTHER_ENCODINGS.items():
            if data.startswith(mark):
                raise DataError(f"{self.path} is not text in UTF-8 but in {encoding}; save it in UTF-8.")
        return data.removeprefix(codecs.BOM_UTF8)

    def _checked(self, data: bytes, at_end: bool) -> bytes:
        """Return the whole characters of `data`, and keep the last one for the next call if it is cut off."""
        begin = self._n_read - len(data)
        self._cut_character = b""
        if b"\0" in data:
            line = self._line_of(begin + data.index(0))
            raise DataError(
                f"{self.path}, line {line} holds a NUL byte, as text in UTF-16 and files that are not text do; save it "
                "as text in UTF-8."
            )
        if not data.isascii() and not _is_utf8(data):
            try:
                data.decode()
            except UnicodeDecodeError as error:
                # The last character may go on in the bytes that come next.
                if at_end or error.reason != "unexpected end of data":
                    raise DataError(
                        f"{self.path} is not text in UTF-8: line {self._line_of(begin + error.start)} holds the byte "
                        f"0x{data[error.start]:02x} of another encoding; save the file in UTF-8."
                    ) from error
                data, self._cut_character = data[: error.start], data[error.start :]
        return data

    def _line_of(self, position: int) -> int:
        """Return the number of the line that holds a byte of the file."""
        n_line_feeds = n_returns = 0
        with pa.input_stream(self.path, compression=self._compression) as file:
            while position > 0 and (data := file.read(min(position, STEP))):
                n_line_feeds, n_returns = n_line_feeds + data.count(b"\n"), n_returns + data.count(b"\r")
                position -= len(data)
        return (n_line_feeds or n_returns) + 1


def _is_utf8(data: bytes) -> bool:
    """Tell whether bytes are text in UTF-8, without making a text of them."""
    offsets = pa.py_buffer(np.array([0, len(data)], np.int32))
    try:
        pa.StringArray.from_buffers(1, offsets, pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def n_line_ends(data: bytes) -> int:
    r"""Return the number of line ends in a text, which are `\n`, `\r\n` or, where there is no `\n`, `\r`."""
    return data.count(b"\n") or data.count(b"\r")
