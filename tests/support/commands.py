"""The command line as tests use it: called in this process with its output caught, or as a process of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from cadc.cli import main
from cadc.execution.outcome import STATES

TINY = ("data=synthetic", "data.n_rows=3000", "data.n_users=60", "data.n_items=80", "trainer.max_epochs=2")
"""A run of a quarter of a second."""


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    status: int
    out: str
    err: str

    @property
    def records(self) -> list[str]:
        """The paths of records that it names, one a line."""
        return [line for line in self.out.splitlines() if line.endswith("record.json")]

    @property
    def sentence(self) -> str:
        """The one line on standard error, for a command that may say nothing else there."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("cadc: "), self.err
        return lines[0]


def cadc(*words: object) -> Answer:
    """Run a command in this process."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main([str(word) for word in words])
        except SystemExit as end:
            status = int(end.code or 0)
    return Answer(status, out.getvalue(), err.getvalue())


def closing(answer: Answer) -> dict[str, int]:
    """Return the number of runs in each state, from the closing lines of a sweep."""
    rows = [re.fullmatch(r" +(\d+)  ([a-z ]{14}) (.+)", line) for line in answer.err.splitlines()]
    counts = {row[2].strip(): int(row[1]) for row in rows if row}
    meant = {row[2].strip(): row[3] for row in rows if row}
    assert meant == {name: (STATES | {"left": "not begun, or interrupted"})[name] for name in counts}, answer.err
    return counts


def train(*words: str) -> Path:
    """Carry out one tiny run and return its folder."""
    answer = cadc("train", *TINY, *words)
    assert answer.status == 0, answer.err
    return Path(answer.out.splitlines()[-1]).parent


def runs() -> list[str]:
    """Return what lies in the ledger's folder, leftovers included."""
    folder = Path(os.environ["CADC_RUNS"])
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@contextmanager
def folders(cache: Path, runs: Path) -> Iterator[None]:
    """Point cache and ledger at these folders, for fixtures that several tests share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CADC_CACHE", str(cache))
        patch.setenv("CADC_RUNS", str(runs))
        patch.delenv("CADC_DATA_DIR", raising=False)
        yield


def start(words: Sequence[str], **options: object) -> "subprocess.Popen[str]":
    """Start Python with these words as a process of its own, with one thread so that others do not slow it down."""
    return subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever started the tests in the background may have had Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **{"env": os.environ | {"OMP_NUM_THREADS": "1"}} | options,  # type: ignore[call-overload]
    )


def process(words: Sequence[str], **options: object) -> Answer:
    """Run Python with these words to its end."""
    child = start(words, **options)
    out, err = child.communicate(timeout=120)
    return Answer(child.returncode, out, err)
