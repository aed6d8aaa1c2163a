"""Working on a study: ask for a trial, run it on validation data alone, and tell its metrics."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import Trial, TrialState

from cadc.errors import CadcError, Lost, Pruned, UsageError
from cadc.execution.attempt import PRUNED_BECAUSE, final_state, record_without_result, run_job
from cadc.execution.epochs import recorded_history, saved_history
from cadc.execution.failure import as_cadc_error, is_of_the_run
from cadc.execution.jobs import Job
from cadc.ledger.store import Ledger
from cadc.ledger.sweeps import SweepNotes, SweepRun
from cadc.storage.lease import Lease
from cadc.terminal.interrupts import check_interrupt
from cadc.terminal.progress import Display, Report
from cadc.training.checkpoints import CheckpointFolder
from cadc.tuning.compose import check_space, compose_tuning
from cadc.tuning.pruning import AfterEpoch, epoch_reporter
from cadc.tuning.repeats import mean_values, trial_jobs
from cadc.tuning.study import SharedStudy
from cadc.tuning.trial_lines import best_line, progress_line, trial_line
from cadc.tuning.tuning import NoSuchMetric, Tuning

VALIDATION = "evaluate=validation"
"""Trials never read test data."""

RUNS = "run"
"""Attribute of a trial: the ids of its runs, with spaces between them."""


def open_study(overrides: Sequence[str], ledger: Ledger) -> tuple[SharedStudy, list[str]]:
    """Return a study and the overrides common to its trials.

    Parameters
    ----------
    overrides : those of `tune` included.
    ledger : of the trials' runs.

    Raises
    ------
    CadcError : for invalid overrides, data or storage.
    """
    tuning, base = compose_tuning(overrides)
    own = [text for text in base if text.lstrip("+").partition("=")[0] == "evaluate"]
    if own:
        raise UsageError(f"{own[0]!r} is not possible: trials only read validation data; leave it out.")
    return create_study(tuning, base, ledger)


def create_study(
    tuning: Tuning, overrides: Sequence[str], ledger: Ledger, prefix: str | None = None
) -> tuple[SharedStudy, list[str]]:
    """Return the study of a tuning and the overrides common to its trials.

    Parameters
    ----------
    tuning : its settings.
    overrides : common to all trials, without `evaluate`.
    ledger : of the trials' runs.
    prefix : of a derived name; None takes data and model.

    Raises
    ------
    CadcError : for invalid overrides, data or storage.
    """
    base = [*overrides, VALIDATION]
    job = trial_jobs(base, tuning.repeats)[0]
    # Errors in the space are raised now, not once for every trial.
    check_space(tuning, base)
    settings = tuning.settings(job.run_id)
    choices = job.settings.config["choices"]
    prefix = prefix or f"{choices['data']}-{choices['model']}"
    name = tuning.name or f"{prefix}-{settings[:8]}"
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or name.startswith("."):
        raise UsageError(f"tune.name is {name!r}; use letters, digits, '-', '_' and '.'.")
    max_epochs = 100 if job.settings.fit is None else job.settings.fit.option("max_epochs")
    return SharedStudy(tuning, name, settings, ledger, max_epochs, base), base


def work(study: SharedStudy, base: Sequence[str], ledger: Ledger, report: Report | None = None) -> None:
    """Work on a study until it has all its trials, or until its timeout; other processes may work on it, too.

    Parameters
    ----------
    study : the study.
    base : overrides common to its trials.
    ledger : of the trials' runs.
    report : takes a line about each trial; None prints it.

    Raises
    ------
    MachineTrouble : such as a full disk; the trial is resumed later.
    UsageError : for a metric that no run has.
    """
    notes = SweepNotes(ledger, study.name, [], study.tuning.trials * study.tuning.repeats)
    is_over = False
    try:
        is_over = _work(study, base, ledger, report, notes)
    finally:
        notes.end(is_over)


def _work(study: SharedStudy, base: Sequence[str], ledger: Ledger, report: Report | None, notes: SweepNotes) -> bool:
    """Return whether nothing is left to do, rather than the time over."""
    ends = math.inf if study.tuning.timeout is None else time.monotonic() + study.tuning.timeout
    with Display(study.tuning.trials) as shown:
        while True:
            check_interrupt()
            shown.sweep(len(study.done()), progress_line(study))
            if time.monotonic() >= ends:
                is_over = len(study.done()) >= study.tuning.trials
                if not is_over:
                    shown.write(f"{progress_line(study)} when tune.timeout was over; the same command goes on")
                return is_over
            claimed = study.next()
            if claimed is None:
                if not study.others_work():
                    if study.is_exhausted:
                        shown.write(f"{study.name}: all {len(study.done())} settings of its space were tried")
                    return True
                time.sleep(0.5)
                continue
            trial, lease = claimed
            started = time.perf_counter()
            notes.work()
            notes.add(runs_of_trials(study))
            with lease:
                try:
                    _work_on(trial, study, base, ledger, notes)
                except (Lost, UpdateFinishedTrialError):
                    if lease.is_held():
                        raise
                    continue  # another process took the trial over, for this one gave no sign of life
            line = trial_line(study.frozen(trial), study, time.perf_counter() - started)
            (report or shown.write)(f"[{len(study.done())}/{study.tuning.trials}] {line}{best_line(study)}")


def runs_of_trials(study: SharedStudy) -> list[SweepRun]:
    """Return the runs of the trials of a study that have ended, those of other processes included."""
    return [
        SweepRun(run_id, f"trial {trial.number}")
        for trial in study.done()
        for run_id in trial.user_attrs.get(RUNS, "").split()
    ]


def _work_on(trial: Trial, study: SharedStudy, base: Sequence[str], ledger: Ledger, notes: SweepNotes) -> None:
    jobs: list[Job] = []
    started = time.perf_counter()
    try:
        jobs = trial_jobs([*base, *study.tuning.overrides(trial)], study.tuning.repeats)
        with study.storage.reached():
            trial.set_user_attr(RUNS, " ".join(job.run_id for job in jobs))
        notes.add([SweepRun(job.run_id, f"trial {trial.number}") for job in jobs])
        first = finished_record(jobs[0], ledger, epoch_reporter(trial, study, jobs[0].settings))
        records = [first, *(finished_record(job, ledger) for job in jobs[1:])]
        values = mean_values(study.tuning, records, ledger)
    except Pruned:
        study.tell(trial, time.perf_counter() - started, state=TrialState.PRUNED)
    except NoSuchMetric:
        raise
    except Exception as error:
        if not is_of_the_run(error, jobs[0].settings if jobs else None):
            raise  # it stays running, and is resumed later
        with study.storage.reached():
            trial.set_user_attr("reason", str(as_cadc_error(error)))
        study.tell(trial, time.perf_counter() - started, state=TrialState.FAIL)
    else:
        study.tell(trial, sum(record["cost"]["total_s"] for record in records), values=values)


def finished_record(job: Job, ledger: Ledger, after_epoch: AfterEpoch = lambda history: None) -> dict[str, Any]:
    """Return the record of a trial's run, which is run first unless it is finished.

    The epochs of a run that ended before are reported as if it was run now, so that the pruner decides alike whatever
    the ledger holds.

    Parameters
    ----------
    job, ledger : the run, and where it is recorded.
    after_epoch : called with the history after each epoch.

    Raises
    ------
    Pruned : if `after_epoch` stops the trial.
    CadcError : if the run fails, or failed before.
    """
    while final_state(job, ledger, retry_failed=False) is None:
        lease = ledger.claim(job.run_id)
        if lease is None:
            time.sleep(0.5)  # another trial that chose the same
            continue
        with lease:
            try:
                if final_state(job, ledger, retry_failed=False) is None:
                    _resume_or_run(job, ledger, lease, after_epoch)
                else:
                    ledger.tidy(lease)
            except Lost:
                if lease.is_held():
                    raise
                # Who took the run over is waited for.
    record = ledger.record(job.run_id)
    after_epoch(recorded_history(ledger, record))
    if record.get("status") == "failed":
        raise CadcError(str(record.get("reason")))
    return record


def _resume_or_run(job: Job, ledger: Ledger, lease: Lease, after_epoch: AfterEpoch) -> None:
    try:
        # Epochs that a killed process saved but did not report.
        history = saved_history(CheckpointFolder(ledger.checkpoints(job.run_id), lease))
    except CadcError:
        # Damaged: the trial starts from the beginning, with the same result.
        ledger.forget_checkpoints(lease)
        history = []
    try:
        after_epoch(history)
    except Pruned:
        ledger.end(lease, record_without_result(job, "pruned", PRUNED_BECAUSE))
        raise
    if run_job(job, ledger, lease, after_epoch) == "pruned":
        raise Pruned


@dataclass(frozen=True)
class WorkTask:
    """One worker on a study, for a launcher to start elsewhere.

    Parameters
    ----------
    overrides : those of `tune` included.
    """

    overrides: tuple[str, ...]

    def __call__(self) -> None:
        """Work until the study has its trials."""
        ledger = Ledger()
        study, base = open_study(self.overrides, ledger)
        work(study, base, ledger, report=lambda line: None)
