"""The standard streams as a command needs them: open, and not fatal for want of a letter or of a reader."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

INPUT, OUTPUT, ERROR = 0, 1, 2


@contextmanager
def standard_streams() -> Iterator[None]:
    """Make the standard streams usable inside the `with` block.

    A stream that the caller closed (`2>&-`, as daemons do) is the null device: otherwise the next file that is opened
    would take its number, and messages would go into that file. A letter that the encoding of the terminal lacks is
    written as an escape. What cannot be written to standard error (a full disk, a reader that has ended) is dropped,
    since a run does not depend on who watches it; what cannot be written to standard output raises.
    """
    before = sys.stdin, sys.stdout, sys.stderr
    for number in (INPUT, OUTPUT, ERROR):
        if not _is_open(number):
            _to_null(number)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(os.devnull)), "utf-8")
    if sys.stdout is None:
        sys.stdout = _Unread(io.FileIO(os.devnull, "wb"))
    elif _is_own(sys.stdout, OUTPUT):
        sys.stdout = _Stream(_Output(OUTPUT, "wb", closefd=False), sys.stdout.encoding, sys.stdout.isatty())
    if sys.stderr is None:
        sys.stderr = _Stream(io.FileIO(os.devnull, "wb"))
    elif _is_own(sys.stderr, ERROR):
        sys.stderr = _Stream(_Unfailing(ERROR, "wb", closefd=False), sys.stderr.encoding)
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        except OSError:  # reported before
            discard_output()
            sys.stdout.flush()
        sys.stdin, sys.stdout, sys.stderr = before


def is_output_closed() -> bool:
    """Tell whether the caller closed standard output, so that what is written to it is lost."""
    return isinstance(sys.stdout, _Unread)


def discard_output() -> None:
    """Discard output that cannot be written; Python would try to write it again at exit."""
    _to_null(OUTPUT)


def _to_null(number: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        return False
    return True


def _is_own(stream: Any, number: int) -> bool:
    """Tell whether a stream is that of the process, and not one that a notebook or a test has put in its place."""
    try:
        return stream in (sys.__stdout__, sys.__stderr__) and stream.fileno() == number
    except (OSError, ValueError):
        return False


class _Stream(io.TextIOWrapper):
    """A stream of text in which letters that the encoding lacks are escapes."""

    def __init__(self, raw: io.RawIOBase, encoding: str = "utf-8", line_buffering: bool = True) -> None:
        super().__init__(io.BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=line_buffering)


class _Unread(_Stream):
    """Standard output that was closed; see `is_output_closed`."""


class _Output(io.FileIO):
    """Standard output, whose errors name it."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, "standard output") from error


class _Unfailing(io.FileIO):
    """A file that drops what cannot be written, and from then on everything."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            _to_null(self.fileno())
            return len(data)
