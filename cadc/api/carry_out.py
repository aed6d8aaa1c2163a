"""Overrides given in Python, turned into runs and carried out as the command line does."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from cadc.configuration.override_text import expand_files
from cadc.errors import UsageError, shown
from cadc.execution.jobs import Job
from cadc.execution.outcome import Outcome
from cadc.execution.sweep import execute
from cadc.launchers.launch import split_launcher
from cadc.ledger.store import Ledger
from cadc.loggers.after import AfterRun
from cadc.paths import user_path
from cadc.terminal.interrupts import interrupting


def ledger_of(runs: str | Path | None) -> Ledger:
    """Return the ledger in a folder; `$CADC_RUNS`, else `runs`, where none is given."""
    return Ledger(None if runs is None else user_path(runs).absolute())


def split_overrides(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the overrides of runs, those of files (`@best.yaml`) included, and those of a launcher.

    Raises
    ------
    UsageError : for an override that is not a text, or a launcher that is not there.
    """
    for override in overrides:
        if not isinstance(override, str):
            raise UsageError(f"{shown(override)} is not an override; write a text such as 'sampler.rate=0.1'.")
    return split_launcher(expand_files(overrides))


def carry_out_all(jobs: Sequence[Job], ledger: Ledger, retry_failed: bool, launcher: Sequence[str]) -> Outcome:
    """Carry out the jobs that are not finished; progress goes to standard error.

    Ctrl-C raises KeyboardInterrupt; what is finished is kept, and the same call goes on from there.
    """
    with interrupting(), process_left_alone():
        return execute(jobs, ledger, retry_failed, launcher=launcher, after=AfterRun())


@contextmanager
def process_left_alone() -> Iterator[None]:
    """Give the caller's process back what a run sets: the state of torch's generators."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        yield
