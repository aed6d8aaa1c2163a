"""Ctrl-C and SIGTERM: they interrupt what goes on, and are not lost where Python drops what a finalizer raises."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_received: list[int] = []


@contextmanager
def interrupting() -> Iterator[list[int]]:
    """Have Ctrl-C, and SIGTERM, by which clusters end a job, raise KeyboardInterrupt; yield the signals that came."""
    # Whoever calls us may have their own way with signals; only the main thread can set one.
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
    """Raise KeyboardInterrupt where a signal came and what it raised was dropped; call it between pieces of work."""
    if _received:
        raise KeyboardInterrupt


INTERRUPTING = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2")
"""Signals whose handlers may raise: Ctrl-C, and those by which clusters take a machine back."""


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Hold interrupting signals back while the body runs: raised inside a finalizer, Python would drop them."""
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
