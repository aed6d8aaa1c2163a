"""Ctrl-C and SIGTERM interrupt the work, and are not lost when they arrive inside a finalizer.

Python drops what a finalizer raises; signals are therefore kept in a list as well, and `check_interrupt` looks there.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_received: list[int] = []


@contextmanager
def interrupting() -> Iterator[list[int]]:
    """Turn Ctrl-C and SIGTERM into KeyboardInterrupt inside the `with` block; clusters end jobs by SIGTERM.

    Handlers that a caller installed stay, and other threads than the main one leave all handlers alone.

    Yields
    ------
    received : numbers of the signals that have arrived so far.
    """
    # Only the main thread can set a handler.
    before = {}
    if threading.current_thread() is threading.main_thread():
        usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
        before = {number: handler for number, handler in usual.items() if signal.getsignal(number) == handler}
    for number in before:
        signal.signal(number, _interrupt)
    try:
        yield _received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _received.clear()


def _interrupt(number: int, frame: object) -> None:
    _received.append(number)
    raise KeyboardInterrupt


def check_interrupt() -> None:
    """Raise KeyboardInterrupt if a signal has arrived whose exception was dropped; call this between pieces of work."""
    if _received:
        raise KeyboardInterrupt


INTERRUPTING = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2")
"""Signals whose handlers may raise: Ctrl-C, and those that clusters send before they take a machine back."""


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Delay interrupting signals until the `with` block ends; raised inside a finalizer, they would be dropped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in INTERRUPTING if hasattr(signal, name)]
    handlers = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}
    caught: list[tuple[int, FrameType | None]] = []
    for number in handlers:
        signal.signal(number, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if caught:
        handlers[caught[0][0]](*caught[0])
