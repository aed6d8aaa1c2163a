"""Batches without an end, for steps that are timed."""

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

B = TypeVar("B", bound=Sized)


def endless(epoch: Callable[[], Iterable[B]], batch_size: int) -> Iterator[B]:
    """Yield the batches of one epoch after the other, but for the last one of an epoch if it is shorter.

    Parameters
    ----------
    epoch : returns the batches of the next epoch.
    batch_size : rows of a whole batch; an epoch of fewer rows is one batch.
    """
    while True:
        for number, batch in enumerate(epoch()):
            if number == 0 or len(batch) == batch_size:
                yield batch
