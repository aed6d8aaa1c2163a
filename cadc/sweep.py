"""Many runs: each configuration is planned, those finished before are skipped, the others are carried out."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cadc.choices import check
from cadc.components import TARGET, load_class
from cadc.config import compose_config
from cadc.errors import CadcError, UsageError
from cadc.experiment import Cell
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
    for config in configs:
        check(config)
    jobs = []
    for words, config in zip(combinations, configs, strict=True):
        run_id, code = run_identity(config, open_log(config))
        jobs.append(Job(tuple(words), config, run_id, code))
    return jobs


def without_impossible(cells: Sequence[Cell], say: Callable[[str], None] | None = None) -> list[Cell]:
    """Leave out the cells whose model needs a column that the data set cannot have (an oracle of real data)."""
    kept = []
    left_out = set()
    for cell in cells:
        config = compose_config(cell.words)
        needed = getattr(load_class(config["model"][TARGET]), "needs_columns", ())
        offered = getattr(load_class(config["data"][TARGET]), "extra_columns", ())
        if set(needed) <= set(offered):
            kept.append(cell)
        else:
            left_out.add(f"the arm {cell.arm!r} is left out: {config['choices']['data']} has no {', '.join(needed)}")
    for line in sorted(left_out):
        (say or _say)(line)
    if not kept:
        raise UsageError("no arm is left, so there is nothing to run.")
    return kept


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def execute(jobs: Sequence[Job], ledger: Ledger, say: Callable[[str], None] | None = None) -> Outcome:
    """Carry out the jobs that are not finished yet, one after the other.

    A failing run does not end the others. Ctrl-C ends all; what is finished stays finished.

    Parameters
    ----------
    jobs : the runs; several of one id are run once.
    ledger : where finished runs are found and written.
    say : takes a line about each run.
    """
    say = say or _say
    outcome = Outcome()
    shared = set.intersection(*(set(job.words) for job in jobs)) if len(jobs) > 1 else set()
    for number, job in enumerate(jobs, 1):
        label = (
            f"[{number}/{len(jobs)}] {job.run_id} {' '.join(word for word in job.words if word not in shared)}".rstrip()
        )
        if job.run_id in (*outcome.finished, *outcome.skipped, *outcome.failed):
            continue
        started = time.perf_counter()
        try:
            if job.run_id in ledger:
                say(f"{label}: {summary(ledger.record(job.run_id))}, finished before, skipped")
                outcome.skipped.append(job.run_id)
                continue
            ledger.write(job.run_id, lambda folder, job=job: run(job.config, job.run_id, job.code, folder))  # type: ignore[misc]
        except Exception as error:
            if len(jobs) == 1:
                raise
            outcome.failed[job.run_id] = error if isinstance(error, CadcError) else _unforeseen(error)
            say(f"{label}: failed: {outcome.failed[job.run_id]}")
            continue
        outcome.finished.append(job.run_id)
        say(f"{label}: {summary(ledger.record(job.run_id))}, {time.perf_counter() - started:.1f} s")
    return outcome


def _unforeseen(error: Exception) -> CadcError:
    return CadcError(f"{type(error).__name__}: {error} (run it alone to see where)")


def summary(record: Record) -> str:
    """Return the metrics of a record in a few words."""
    return ", ".join(f"{name} {value:.4f}" for name, value in record["metrics"].items() if name.startswith("test/"))
