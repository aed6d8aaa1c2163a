"""Costs of a run: seconds of its stages and its own peak memory."""

import ctypes
import gc
import re
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cadc.terminal.interrupts import interrupts_held_back
from cadc.terminal.work import stage as announced

KEPT_BYTES = 1 << 27
"""Freed memory that a process keeps for its next arrays."""
LARGEST_KEPT = 1 << 25
"""Bytes of the largest array whose memory is kept."""
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of `mallopt`; in `malloc.h` their names begin with `M_`."""


DOING = {
    "policy_s": "choosing sizes",
    "sample_s": "sampling",
    "initialise_s": "initialising",
    "train_s": "training",
    "evaluate_s": "evaluating",
}
"""What a run does in a stage, by the name of its seconds."""


class Stopwatch:
    """Sum of wall-clock seconds of named stages.

    >>> watch = Stopwatch()
    >>> with watch.stage("sleep_s"):
    ...     time.sleep(0.01)
    >>> watch.seconds["sleep_s"] >= 0.01
    True
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the seconds of a `with` block to the stage `name`, and tell whoever follows the run of it."""
        started = time.perf_counter()
        try:
            with announced(DOING.get(name, name)):
                yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


@contextmanager
def separate_memory() -> Iterator[None]:
    """Measure peak memory from here on, and collect reference cycles at the end.

    So the memory of one run does not count as that of the next. As the decorator of a function it also collects what
    the function's variables held. Only Linux can forget a peak.
    """
    _keep_freed_memory()
    # Objects that exist before are not searched: for those of the imported libraries alone it takes 0.2 s.
    gc.freeze()
    try:
        forget_peak()
        yield
    finally:
        with interrupts_held_back():
            gc.collect()
            gc.unfreeze()


def _keep_freed_memory() -> None:
    """Let the allocator of Linux keep what is freed, up to `KEPT_BYTES`.

    Each step of training frees the arrays that the next one needs. Without this their pages are given back and taken
    anew, which is a fifth of the time of a step.
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(MMAP_THRESHOLD, LARGEST_KEPT)
        libc.mallopt(TRIM_THRESHOLD, KEPT_BYTES)
    except (OSError, AttributeError):
        pass


def forget_peak() -> None:
    """Measure peak memory from here on; only Linux can forget a peak."""
    try:
        # Memory that the allocator keeps would count, too.
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except (OSError, AttributeError):
        pass


def peak_memory_mb() -> float:
    """Return the peak resident memory in MiB: on Linux since `separate_memory`, elsewhere of the whole process."""
    try:
        match = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
        if match:
            return int(match[1]) / 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
