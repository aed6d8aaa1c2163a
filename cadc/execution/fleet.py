"""Runs of a sweep whose networks are trained together, see `cadc.training.fleet`.

Every run keeps its own lease, folder and record. What cannot be done together is left to be done run by run: runs that
resume from a checkpoint, models of other shapes than all others, and those whose computation cannot be batched.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from cadc.execution.attempt import Attempt, final_state
from cadc.execution.jobs import Job
from cadc.ledger.store import Ledger
from cadc.pipeline.build import batch_columns
from cadc.pipeline.run import Begun, begin, end
from cadc.pipeline.settings import Settings
from cadc.provenance.costs import separate_memory
from cadc.provenance.energy import EnergyMeter
from cadc.provenance.threads import threads
from cadc.randomness import torch_generator
from cadc.terminal.interrupts import check_interrupt
from cadc.terminal.progress import Report
from cadc.terminal.work import followed_by
from cadc.training.fit_result import FitResult
from cadc.training.fleet import Arm, Fleet, NotTogether

Ended = Callable[[Job, str | Exception], None]


def fleets(jobs: Sequence[Job]) -> list[list[Job]]:
    """Return the runs that may be trained together, as lists of two to `trainer.fleet` runs; the others are left out.

    They agree in all that the shapes of batches and models follow from, as far as the configuration tells.
    """
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        if _most(job.settings) > 1:
            groups.setdefault(_in_common(job.settings), []).append(job)
    found = []
    for group in groups.values():
        most = _most(group[0].settings)
        found += [group[first : first + most] for first in range(0, len(group), most)]
    return [group for group in found if len(group) > 1]


def run_fleet(jobs: Sequence[Job], ledger: Ledger, retry_failed: bool, ended: Ended, report: Report) -> None:
    """Execute runs together, as far as that is possible; those that did not end are as they were.

    Parameters
    ----------
    jobs : of one of the `fleets`.
    ledger : where runs are found and recorded.
    retry_failed : whether runs that failed before are tried again.
    ended : called with each run that ends here, as soon as it does, and its final state or the error that ended it.
    report : takes a line about runs that cannot be trained together.

    Raises
    ------
    NotWritable : if the ledger cannot be written.
    """
    with threads(jobs[0].settings.threads), separate_memory(), ExitStack() as leases:
        members = []
        for job in jobs:
            if attempt := _claimed(job, ledger, retry_failed, leases):
                member = _Member(attempt)
                if member.begin(ended):
                    members.append(member)
        for alike in _of_equal_shape(members):
            if len(alike) > 1:
                _train(alike, ended, report)


def _claimed(job: Job, ledger: Ledger, retry_failed: bool, leases: ExitStack) -> Attempt | None:
    """Return an attempt at a run, or None where it ended, is another process's, or resumes from a checkpoint."""
    check_interrupt()
    if final_state(job, ledger, retry_failed) or any(ledger.checkpoints(job.run_id).rglob("*.ckpt")):
        return None
    lease = ledger.claim(job.run_id)
    if lease is None:
        return None
    leases.enter_context(lease)
    if final_state(job, ledger, retry_failed):
        ledger.tidy(lease)
        return None
    return Attempt(job, ledger, lease)


class _Member:
    """A run of a fleet.

    Parameters
    ----------
    attempt : whose lease is held.
    """

    def __init__(self, attempt: Attempt) -> None:
        self.attempt, self.job = attempt, attempt.job
        self.begun: Begun | None = None
        self.arm: Arm | None = None

    def begin(self, ended: Ended) -> bool:
        """Carry out the stages before the training; return False if the run ended in them."""
        settings = self.job.settings
        try:
            with followed_by(self.attempt.progress):
                self.begun = begun = begin(settings)
            model, sample = begun.model, begun.sample
            model.fit_sample(begun.log, sample.rows, sample.weights, sample.offset)
            assert settings.fit is not None
            self.arm = Arm(
                settings.build_fit(),
                model,
                begun.log,
                sample.rows,
                torch_generator(settings.seeds.weights, "batches"),
                self.attempt.tell,
                batch_columns(sample, begun.fitted),
                settings.task,
            )
        except Exception as error:
            self.attempt.fail(error)
            ended(self.job, error)
            return False
        return True

    def end(self, fit: FitResult | Exception, ended: Ended) -> None:
        """Evaluate and record the run, or its failure."""
        begun, self.begun, self.arm = self.begun, None, None
        assert begun is not None
        outcome: str | Exception
        try:
            with self.attempt.recorded():
                if isinstance(fit, Exception):
                    raise fit
                job = self.job
                # Of what arms use together none can be told.
                unknown = EnergyMeter(is_whole=False) if job.settings.measures_energy else None
                with followed_by(self.attempt.progress):
                    self.attempt.write(
                        lambda folder: end(job.settings, job.run_id, job.code, folder, begun, fit, unknown)
                    )
            outcome = self.attempt.state
        except Exception as error:
            outcome = error
        ended(self.job, outcome)


def _of_equal_shape(members: Sequence[_Member]) -> list[list[_Member]]:
    """Return the members that can be trained together by their models; those that can only be trained alone are out."""
    groups: list[tuple[tuple[Any, ...], list[_Member]]] = []
    for member in members:
        if member.arm is None or member.arm.why_alone():
            continue
        for shape, alike in groups:
            if member.arm.is_like(shape):
                alike.append(member)
                break
        else:
            groups.append((member.arm.shape, [member]))
    return [alike for _, alike in groups]


def _train(members: Sequence[_Member], ended: Ended, report: Report) -> None:
    by_arm = {id(member.arm): member for member in members}
    for member in members:
        member.attempt.progress.enter("training")
    try:
        for arm, fit in Fleet([member.arm for member in members if member.arm]).fit():
            by_arm[id(arm)].end(fit, ended)
    except NotTogether as error:
        report(f"{error} The runs that are left are trained one after the other.")


def _most(settings: Settings) -> int:
    # A stream trains a model for each segment, one after the other.
    return 1 if settings.fit is None or settings.policy is not None else int(settings.fit.option("fleet"))


def _in_common(settings: Settings) -> str:
    """Return what the runs of a fleet agree in as text."""
    groups = {name: settings.config[name] for name in ("data", "model", "embedding")}
    assert settings.fit is not None
    options = ("batch_size", "validation_rate", "lazy_tables", "accelerator", "fleet")
    trainer = {name: settings.fit.option(name) for name in options}
    beside = [settings.task, settings.threads, settings.evaluated]
    return json.dumps([groups, trainer, beside], sort_keys=True, default=str)
