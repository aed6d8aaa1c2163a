"""How the CPU computes: number of threads, and denormal numbers taken for 0."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Compute with `n` threads in a `with` block, and take denormal numbers for 0.

    Other numbers of threads may give other bits, and take other times. Some processors compute with denormal numbers
    30 times slower than with others. Both settings are those of before after the block, as the calling thread had them.
    """
    before, was_on = torch.get_num_threads(), _share_of_zeros(1) == 1
    torch.set_num_threads(n)
    _flush(True)
    try:
        yield
    finally:
        # All threads that computed in the block take the old mode, also where fewer are wanted from now on.
        torch.set_num_threads(max(n, before))
        _flush(was_on)
        torch.set_num_threads(before)


def share_flushed() -> float:
    """Return the share of torch's threads that take denormal numbers for 0, which is 0 or 1 as a rule."""
    # Torch gives each thread 2^15 values at least.
    return _share_of_zeros(torch.get_num_threads() << 16)


def _share_of_zeros(n: int) -> float:
    """Return the share of `n` denormal numbers that are taken for 0; of a few, by the calling thread."""
    # They are made, and looked at, as bits: all else may flush them.
    bits = torch.ones(n, dtype=torch.int32)
    return float(((bits.view(torch.float32) * 1.0).view(torch.int32) == 0).float().mean())


def _flush(is_on: bool) -> None:
    if torch.set_flush_denormal(is_on) and share_flushed() != is_on:
        # A thread takes the setting of the one that starts it: those that wait for work end, and are started anew.
        _end_waiting_threads()


def _end_waiting_threads() -> None:
    """End the threads in which OpenMP computes; without OpenMP 5 they go on as they are."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(torch._C.__file__).omp_pause_resource_all(2)  # 2 is omp_pause_hard
