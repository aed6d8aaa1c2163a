"""The process that talks to wandb, forked from that of the tests, which has imported wandb, instead of started."""

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import IO, Any


def _begin(script: str, descriptors: Sequence[int], env: Mapping[str, str]) -> None:
    os.setsid()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.environ.clear()
    os.environ.update(env)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    # What was registered belongs to the tests; what wandb registers is called, as at the end of any other process.
    atexit._clear()
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()


class _Worker:
    """As much of `subprocess.Popen` as is asked of the worker."""

    def __init__(
        self, command: Sequence[str], stdin: IO[Any], stdout: IO[Any], stderr: IO[Any], env: Mapping[str, str], **_: Any
    ) -> None:
        descriptors = [file.fileno() for file in (stdin, stdout, stderr)]
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_begin, args=(command[-1], descriptors, dict(env)))
        self._process.start()
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("wandb", timeout or 0)
        return self._process.exitcode


def forking() -> SimpleNamespace:
    """Return what stands in for the module `subprocess`."""
    import requests  # noqa: F401, which wandb imports when it begins a run
    import wandb  # noqa: F401

    return SimpleNamespace(Popen=_Worker, TimeoutExpired=subprocess.TimeoutExpired)
