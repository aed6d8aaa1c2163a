"""What a run is doing now: its stages and steps announce themselves, and who executes the run may follow.

The code of a stage knows nothing of files or leases; whoever follows knows nothing of stages. Without anybody who
follows, nothing happens.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Follower(ABC):
    """Follows what a run is doing."""

    @abstractmethod
    def enter(self, stage: str) -> None:
        """Note that a stage begins, such as `factorising`."""

    @abstractmethod
    def move(self, epoch: int, n_done: int, n_batches: int) -> None:
        """Note that `n_done` batches of an epoch (from 1) are done; called after each, so it must be cheap."""


_follower: ContextVar[Follower | None] = ContextVar("follower", default=None)
_stage: ContextVar[str] = ContextVar("stage", default="")


def follower() -> Follower | None:
    """Return who follows the run that this thread works on; None outside of runs."""
    return _follower.get()


@contextmanager
def followed_by(who: Follower | None) -> Iterator[None]:
    """Let somebody follow what is done inside the `with` block; stages that were entered outside do not count."""
    before, outside = _follower.set(who), _stage.set("")
    try:
        yield
    finally:
        _stage.reset(outside)
        _follower.reset(before)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Announce the work of the `with` block as a stage; after it, the stage around it goes on."""
    who = _follower.get()
    if who is None:
        yield
        return
    outside = _stage.set(name)
    who.enter(name)
    try:
        yield
    finally:
        _stage.reset(outside)
        if _stage.get():
            who.enter(_stage.get())
