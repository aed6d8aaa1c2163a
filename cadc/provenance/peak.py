"""Processor seconds and peak memory of a block of code, on Linux."""

import re
import threading
import time
from pathlib import Path

from cadc.errors import CadcError
from cadc.provenance.costs import forget_peak, peak_memory_mb

INTERVAL_S = 0.005
"""Seconds between two looks at the memory of the process."""


class Peak:
    """Measures a `with` block.

    Attributes
    ----------
    seconds, wall_s : processor and wall-clock seconds.
    bytes : peak of the process's own memory, without pages of files, which the system drops when it needs them.
    resident_mb : peak of all resident memory in MiB, pages of files included.

    Raises
    ------
    CadcError : on a system that does not tell the memory of a process in /proc.
    """

    def __enter__(self) -> "Peak":
        # Memory that the allocator keeps of an earlier stage would count, too.
        forget_peak()
        self.bytes, self._is_over = anonymous_bytes(), threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        self._started, self._began = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds, self.wall_s = time.process_time() - self._started, time.perf_counter() - self._began
        self._is_over.set()
        self._watcher.join()
        self.resident_mb = peak_memory_mb()

    def _watch(self) -> None:
        while not self._is_over.wait(INTERVAL_S):
            self.bytes = max(self.bytes, anonymous_bytes())


def anonymous_bytes() -> int:
    """Return the resident memory of this process that is not of files."""
    try:
        match = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    except OSError:
        match = None
    if match is None:
        raise CadcError("/proc/self/status does not tell RssAnon; memory without pages of files is measured on Linux.")
    return int(match[1]) * 1024
