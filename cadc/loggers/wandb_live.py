"""The curve of a running run at wandb: what is new is sent in the background, at most every half a minute."""

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Thread
from typing import Any

EVERY_S = 30.0
"""Seconds between two beginnings of a transfer."""


class WandbCurve:
    """Sends the epochs so far in a thread of its own; the training never waits for a transfer but at its end.

    Parameters
    ----------
    send : takes a list of epochs and sends what the server does not have yet.
    """

    def __init__(self, send: Callable[[list[dict[str, float]]], Any]) -> None:
        self._send = send
        self._history: list[dict[str, float]] = []
        self._thread: Thread | None = None
        self._begun = -EVERY_S
        self._error: Exception | None = None

    def extend(self, history: Sequence[Mapping[str, float]]) -> None:
        """Take the epochs so far.

        Raises
        ------
        Exception : what the last transfer raised.
        """
        self._history = [dict(row) for row in history]
        if self._error is not None:
            raise self._error
        is_busy = self._thread is not None and self._thread.is_alive()
        if self._history and not is_busy and time.monotonic() - self._begun >= EVERY_S:
            self._begun = time.monotonic()
            self._thread = Thread(target=self._transfer, args=(list(self._history),), daemon=True)
            self._thread.start()

    def close(self, state: str) -> None:
        """Wait for the transfer, which takes bounded time; a finished run is completed from its record."""
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def _transfer(self, history: list[dict[str, float]]) -> None:
        try:
            self._send(history)
        except Exception as error:  # raised where the training hands over its next epoch
            self._error = error
