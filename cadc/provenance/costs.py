"""What a run costs: seconds of its stages and its own peak of memory."""

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


class Stopwatch:
    """Adds up the seconds of named stages."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body under a name."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def reset_peak_memory() -> None:
    """Forget the peak of what this process did before, where the system allows it (Linux)."""
    # What earlier runs left in reference cycles, or freed and the allocator kept, would count as ours.
    with interrupts_held_back():
        gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, AttributeError):
        pass


def peak_memory_mb() -> float:
    """Return the peak resident memory since `reset_peak_memory`, in MiB; elsewhere that of the whole process."""
    try:
        match = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        if match:
            return int(match[1]) / 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
