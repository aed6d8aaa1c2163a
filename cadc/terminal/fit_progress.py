"""Progress of a fit: a bar on terminals, and a word to whoever follows the run."""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from cadc.terminal.progress import RunBar, display
from cadc.terminal.work import follower


class FitProgress:
    """Moves the bar of the run by the batches of an epoch, beside the validation metric of the epoch before.

    Whoever follows the run is told of each batch. The bar is removed at the end of a `with` block.

    Parameters
    ----------
    watched : key of the metric in a row of the history, such as `val/logloss`.
    is_shown : whether there is a bar.
    """

    def __init__(self, watched: str, is_shown: bool = True) -> None:
        self._watched = watched
        self._bar = display().run() if is_shown else RunBar(None)
        self._moved = 0.0
        self._follower = follower()

    def __enter__(self) -> "FitProgress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def move(self, n_done: int, n_batches: int, history: Sequence[Mapping[str, float]]) -> None:
        """Move the bar to `n_done` batches of the epoch, at most five times a second.

        Parameters
        ----------
        n_done, n_batches : batches of this epoch that are done, and in all.
        history : of the epochs before.
        """
        if self._follower is not None:
            self._follower.move(len(history) + 1, n_done, n_batches)
        now = time.monotonic()
        if now - self._moved > 0.2:
            self._moved = now
            reached = f", {self._watched} {history[-1][self._watched]:.4f}" if history else ""
            self._bar.move(n_done, n_batches, f"epoch {len(history) + 1}{reached}")
