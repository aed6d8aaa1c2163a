"""Working on a study: a trial is chosen, its run carried out on validation alone, and its metrics told."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, Trial, TrialState

from cadc.configuration.override_text import words_of
from cadc.errors import CadcError, Lost, Pruned, UsageError
from cadc.execution.attempt import carry_out, settled, without_result
from cadc.execution.jobs import Job, Say
from cadc.ledger.store import Ledger, NotWritable
from cadc.storage.lease import Lease
from cadc.terminal.interrupts import check_interrupt
from cadc.terminal.progress import Display
from cadc.tuning.compose import check_space, compose_tuning
from cadc.tuning.pruning import Tell, reports, saved_history
from cadc.tuning.repeats import jobs_of, mean_values
from cadc.tuning.storage import NoAnswer
from cadc.tuning.study import SharedStudy
from cadc.tuning.tuning import NoSuchMetric, Tuning

VALIDATION = "evaluate=validation"
"""Trials never read test data."""

RUNS = "run"
"""Attribute of a trial: the ids of its runs, with spaces between them."""


def open_study(words: Sequence[str], ledger: Ledger) -> tuple[SharedStudy, list[str]]:
    """Return a study and the words that its trials have in common.

    Parameters
    ----------
    words : overrides, those of `tune` among them.
    ledger : of the trials' runs.

    Raises
    ------
    CadcError : for words, data or a storage that allow no tuning.
    """
    tuning, base = compose_tuning(words)
    own = [word for word in base if word.lstrip("+").partition("=")[0] == "evaluate"]
    if own:
        raise UsageError(f"{own[0]!r} is not for tuning, whose trials read validation data alone.")
    return study_of(tuning, base, ledger)


def study_of(
    tuning: Tuning, words: Sequence[str], ledger: Ledger, prefix: str | None = None
) -> tuple[SharedStudy, list[str]]:
    """Return the study of a tuning and the words that its trials have in common.

    Parameters
    ----------
    tuning : its settings.
    words : that all trials have in common, without `evaluate`.
    ledger : of the trials' runs.
    prefix : of a name that is derived; None takes data and model.

    Raises
    ------
    CadcError : for words, data or a storage that allow no tuning.
    """
    base = [*words, VALIDATION]
    job = jobs_of(base, tuning.repeats)[0]
    # What is wrong with the space is said now, not once for every trial.
    check_space(tuning, base)
    settings = tuning.settings(job.run_id)
    choices = job.config["choices"]
    prefix = prefix or f"{choices['data']}-{choices['model']}"
    name = tuning.name or f"{prefix}-{settings[:8]}"
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or name.startswith("."):
        raise UsageError(f"tune.name is {name!r}; use letters, digits, '-', '_' and '.'.")
    max_epochs = job.config["trainer"].get("max_epochs", 100)
    return SharedStudy(tuning, name, settings, ledger, max_epochs), base


def work(study: SharedStudy, base: Sequence[str], ledger: Ledger, say: Say | None = None) -> None:
    """Work on a study until it has as many trials as are wanted; others may work on it at the same time.

    Parameters
    ----------
    study : the study.
    base : words that its trials have in common.
    ledger : of the trials' runs.
    say : takes a line about each trial.

    Raises
    ------
    NotWritable : where ledger or storage take no more; the trial stays as it is, and goes on later.
    UsageError : for a metric that no run has.
    """
    with Display(study.tuning.trials) as shown:
        while True:
            check_interrupt()
            shown.sweep(len(study.done()), _progress(study))
            claimed = study.next()
            if claimed is None:
                if not study.others_work():
                    return
                time.sleep(0.5)
                continue
            trial, lease = claimed
            started = time.perf_counter()
            with lease:
                _work_on(trial, study, base, ledger)
            line = _line(study.frozen(trial), study, time.perf_counter() - started)
            (say or shown.say)(f"[{len(study.done())}/{study.tuning.trials}] {line}{_best(study)}")


def _progress(study: SharedStudy) -> str:
    return f"{len(study.done())}/{study.tuning.trials} trials of {study.name}"


def _work_on(trial: Trial, study: SharedStudy, base: Sequence[str], ledger: Ledger) -> None:
    try:
        jobs = jobs_of([*base, *words_of(trial.params)], study.tuning.repeats)
        with study.storage.reached():
            trial.set_user_attr(RUNS, " ".join(job.run_id for job in jobs))
        first = record_of(jobs[0], ledger, reports(trial, study, jobs[0].config))
        records = [first, *(record_of(job, ledger) for job in jobs[1:])]
        values = mean_values(study.tuning, records)
    except Pruned:
        study.tell(trial, state=TrialState.PRUNED)
    except (NotWritable, OSError, Lost, NoSuchMetric):
        # Not the trial's fault: it stays as it is, and goes on when there is room again.
        raise
    except Exception as error:
        with study.storage.reached():
            trial.set_user_attr("reason", str(error))
        study.tell(trial, state=TrialState.FAIL)
    else:
        study.tell(trial, values=values)


def record_of(job: Job, ledger: Ledger, tell: Tell = lambda history: None) -> dict[str, Any]:
    """Return the record of a trial's run, carrying it out unless it is finished."""
    while settled(job, ledger, retry_failed=False) is None:
        lease = ledger.claim(job.run_id)
        if lease is None:
            time.sleep(0.5)  # another trial that chose the same
            continue
        with lease:
            if settled(job, ledger, retry_failed=False) is None:
                _carry_out(job, ledger, lease, tell)
    record = ledger.record(job.run_id)
    if record.get("status") == "failed":
        raise CadcError(str(record.get("reason")))
    return record


def _carry_out(job: Job, ledger: Ledger, lease: Lease, tell: Tell) -> None:
    try:
        # Epochs that a killed process saved, and did not come to tell.
        history = saved_history(ledger.checkpoints(job.run_id))
    except CadcError:
        # Damaged: the trial starts from its beginning, which comes to the same.
        ledger.forget_checkpoints(job.run_id)
        history = []
    try:
        tell(history)
    except Pruned:
        ledger.end(job.run_id, without_result(job, "pruned", "others did better at its age"))
        raise
    if carry_out(job, ledger, lease, tell) == "pruned":
        raise Pruned


def _line(trial: FrozenTrial, study: SharedStudy, seconds: float) -> str:
    """Return what became of a trial, in a line."""
    chosen = " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in trial.params.items()
    )
    said = {TrialState.PRUNED: "stopped early", TrialState.FAIL: f"failed: {trial.user_attrs.get('reason', '')}"}
    how = said.get(trial.state) or reached(trial, study)
    return f"trial {trial.number} {chosen}: {how}, {seconds:.1f} s"


def reached(trial: FrozenTrial, study: SharedStudy) -> str:
    """Return the metrics of a trial in words."""
    return ", ".join(f"{m} {v:.6g}" for m, v in zip(study.tuning.metrics, trial.values, strict=True))


def _best(study: SharedStudy) -> str:
    best = study.best()
    if len(study.tuning.metrics) > 1:
        return f"; {len(best)} on the Pareto front"
    return f"; best {best[0].value:.6g} (trial {best[0].number})" if best else ""


@contextmanager
def watched(study: SharedStudy) -> Iterator[None]:
    """Say a line about each trial that others end meanwhile."""
    ended = threading.Event()
    told = {trial.number for trial in study.done()}

    def look(shown: Display) -> None:
        for trial in study.done():
            if trial.number not in told:
                told.add(trial.number)
                seconds = trial.duration.total_seconds() if trial.duration else 0.0
                shown.say(f"[{len(told)}/{study.tuning.trials}] {_line(trial, study, seconds)}")
        shown.sweep(len(told), _progress(study))

    def watch(shown: Display) -> None:
        while not ended.wait(1.0):
            # A database may be away for a moment; the workers say so where it is not.
            with suppress(NoAnswer):
                look(shown)

    with Display(study.tuning.trials) as shown:
        thread = threading.Thread(target=watch, args=(shown,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            with suppress(NoAnswer):
                look(shown)


@dataclass(frozen=True)
class WorkTask:
    """One worker on a study, for a launcher to start elsewhere.

    Parameters
    ----------
    words : overrides, those of `tune` among them.
    """

    words: tuple[str, ...]

    def __call__(self) -> None:
        """Work until the study has its trials."""
        ledger = Ledger()
        study, base = open_study(self.words, ledger)
        work(study, base, ledger, say=lambda line: None)
