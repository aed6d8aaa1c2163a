"""Many runs: each configuration is planned, those finished before are skipped, the others are carried out."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cadc.config import compose_config
from cadc.errors import CadcError
from cadc.ledger.identity import run_identity
from cadc.ledger.store import Ledger, Record
from cadc.pipeline import open_log, run


@dataclass(frozen=True)
class Job:
    """A run that is wanted.

    Parameters
    ----------
    words : the overrides that it was asked for with.
    config : what they compose to.
    run_id, code : its identity.
    """

    words: tuple[str, ...]
    config: dict[str, Any]
    run_id: str
    code: str


@dataclass
class Outcome:
    """What became of a sweep: ids by what happened to them."""

    finished: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, CadcError] = field(default_factory=dict)


def plan(combinations: Sequence[Sequence[str]]) -> list[Job]:
    """Return the runs of several lists of overrides; data is prepared where it was not yet.

    Raises
    ------
    CadcError : for the first wrong word or unreadable data, before anything is run.
    """
    configs = [compose_config(words) for words in combinations]
    jobs = []
    for words, config in zip(combinations, configs, strict=True):
        run_id, code = run_identity(config, open_log(config))
        jobs.append(Job(tuple(words), config, run_id, code))
    return jobs


def execute(jobs: Sequence[Job], ledger: Ledger, say: Callable[[str], None] | None = None) -> Outcome:
    """Carry out the jobs that are not finished yet, one after the other.

    A failing run does not end the others. Ctrl-C ends all; what is finished stays finished.

    Parameters
    ----------
    jobs : the runs; several of one id are run once.
    ledger : where finished runs are found and written.
    say : takes a line about each run.
    """
    say = say or (lambda line: print(line, file=sys.stderr, flush=True))
    outcome = Outcome()
    for number, job in enumerate(jobs, 1):
        label = f"[{number}/{len(jobs)}] {job.run_id} {' '.join(job.words)}".rstrip()
        if job.run_id in outcome.finished or job.run_id in outcome.skipped:
            continue
        if job.run_id in ledger:
            outcome.skipped.append(job.run_id)
            say(f"{label}: finished before, skipped")
            continue
        started = time.perf_counter()
        try:
            ledger.write(job.run_id, lambda folder, job=job: run(job.config, job.run_id, job.code, folder))  # type: ignore[misc]
        except CadcError as error:
            outcome.failed[job.run_id] = error
            say(f"{label}: failed: {error}")
            continue
        outcome.finished.append(job.run_id)
        say(f"{label}: {summary(ledger.record(job.run_id))}, {time.perf_counter() - started:.1f} s")
    return outcome


def summary(record: Record) -> str:
    """Return the metrics of a record in a few words."""
    return ", ".join(f"{name} {value:.4f}" for name, value in record["metrics"].items() if name.startswith("test/"))
