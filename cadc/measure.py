"""What a run costs: seconds of its stages and its own peak of memory, and the machine that it ran on."""

import ctypes
import gc
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

PACKAGES = ("torch", "pytorch-lightning", "numpy", "scipy", "pandas", "hydra-core", "pyarrow", "safetensors")


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


INTERRUPTING = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2")
"""Signals whose handlers may raise: Ctrl-C, and those by which clusters take a machine back."""


@contextmanager
def _interrupt_later() -> Iterator[None]:
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


def reset_peak_memory() -> None:
    """Forget the peak of what this process did before, where the system allows it (Linux)."""
    # What earlier runs left in reference cycles, or freed and the allocator kept, would count as ours.
    with _interrupt_later():
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


@cache
def _processor() -> str:
    try:
        match = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
        return match[1] if match else platform.processor()
    except OSError:
        return platform.processor()


def environment() -> dict[str, Any]:
    """Return versions, processor and threads, as recorded beside every result."""
    import torch

    packages: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
        "cpu": _processor(),
        "cpus": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
    }


@cache
def source_version() -> dict[str, Any]:
    """Return the package's version, and commit and state of the source tree where it runs from one."""
    from cadc import __version__
    from cadc.paths import PACKAGE

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", PACKAGE.parent, *words], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    # An installed wheel may lie inside somebody else's repository.
    is_ours = git("ls-files", "--error-unmatch", "cadc/__init__.py") is not None
    status = git("status", "--porcelain", "--", "cadc", "conf") if is_ours else None
    return {
        "version": __version__,
        "commit": git("rev-parse", "HEAD") if is_ours else None,
        "dirty": None if status is None else bool(status),
    }


TABLES = ("embeddings.", "factor_logit.")
"""How the names of a model's tables begin: those that it looks vectors up in, and those of a factorisation's logit."""


def table_bytes(weights: "Mapping[str, Tensor]") -> int | None:
    """Return the size of a model's tables when written to disk for serving, if it has any.

    Parameters
    ----------
    weights : of the model, by name; where none belongs to a table, all of them count.
    """
    from safetensors.torch import save

    tables = {
        name.removeprefix(beginning): value
        for name, value in weights.items()
        for beginning in TABLES
        if name.startswith(beginning)
    } or dict(weights)
    return len(save(tables)) if tables else None
