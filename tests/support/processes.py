"""Commands as processes of their own, forked from that of the tests, which has loaded what they import."""

# ruff: noqa: F401
import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

# What commands import sooner or later is loaded here, once, and not by each of the processes.
import matplotlib.pyplot
import pyarrow.parquet

import cadc.execution.sweep
import cadc.factorization.logistic
import cadc.models.dlrm
import cadc.pipeline.run
import cadc.reporting.results
import cadc.terminal.fit_progress
import cadc.training.fit
from cadc.cli import main
from tests.support.commands import Answer

SECONDS = 240
"""After which a process that hangs is given up."""


def _begin(
    words: Sequence[str], environ: dict[str, str], folder: str, out: str, err: str, setup: Callable[[], None] | None
) -> None:
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    for number, path in ((1, out), (2, err)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOCTTY)
        os.dup2(descriptor, number)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    # Whoever started the tests in the background may have had Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if setup is not None:
        setup()
    sys.exit(main(list(words)))


class Command:
    """`cadc WORDS`, started in a process of its own.

    Parameters
    ----------
    words : of the command.
    folder : where it is started.
    said : folder that what it says is written to; `folder` where it is None.
    terminal : path of a terminal that standard error goes to, instead of a file.
    setup : called in the process before the command; a function of a module.
    """

    count = 0

    def __init__(
        self,
        words: Sequence[object],
        folder: Path,
        said: Path | None = None,
        terminal: str | None = None,
        setup: Callable[[], None] | None = None,
    ) -> None:
        Command.count += 1
        self.out, self.err = ((said or folder) / f".said-{Command.count}-{name}" for name in ("out", "err"))
        arguments = (
            [str(word) for word in words],
            os.environ | {"OMP_NUM_THREADS": "1"},
            str(folder),
            str(self.out),
            terminal or str(self.err),
            setup,
        )
        self.process = multiprocessing.get_context("fork").Process(target=_begin, args=arguments)
        self.process.start()

    @property
    def is_running(self) -> bool:
        return self.process.is_alive()

    def send(self, number: int) -> None:
        """Send it a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def answer(self) -> Answer:
        """Wait for its end and return what it said."""
        self.process.join(SECONDS)
        if self.process.exitcode is None:
            self.process.kill()
            raise AssertionError(f"it hangs: {self.err.read_text()}")
        out, err = (path.read_text() if path.exists() else "" for path in (self.out, self.err))
        return Answer(self.process.exitcode, out, err)


def carried_out(err: str) -> list[str]:
    """Return the ids of the runs that a process finished, from the lines that it said until it was killed."""
    said = re.findall(r"^\[\d+/\d+\] (\w{16}) .*?, [\d.]+ s(?:, resumed)?(?:;|$)", err, re.MULTILINE)
    return [str(run_id) for run_id in said]
