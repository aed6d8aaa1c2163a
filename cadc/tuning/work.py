"""Working on a study: a trial is chosen, its run carried out on validation alone, and its metrics told."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cadc.errors import CadcError, Pruned, UsageError
from cadc.ledger.store import Ledger, NotWritable
from cadc.progress import Display
from cadc.sweep import Job, Say, carry_out, plan, settled
from cadc.tuning.compose import check_space, compose_tuning
from cadc.tuning.study import SharedStudy
from cadc.tuning.tuning import Tuning
from cadc.words import words_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

VALIDATION = "evaluate=validation"
"""Trials never read test data."""


def open_study(words: Sequence[str], ledger: Ledger) -> tuple[Tuning, list[str], SharedStudy]:
    """Return the settings of a tuning, the words that its trials have in common, and its study.

    Parameters
    ----------
    words : overrides, those of `tune` among them.
    ledger : of the trials' runs.
    """
    tuning, base = compose_tuning(words)
    own = [word for word in base if word.partition("=")[0] == "evaluate"]
    if own:
        raise UsageError(f"{own[0]!r} is not for tuning, whose trials read validation data alone.")
    base = [*base, VALIDATION]
    (job,) = plan([base])
    # What is wrong with the space is said now, not once for every trial.
    check_space(tuning, base)
    settings = tuning.settings(job.run_id)
    choices = job.config["choices"]
    name = tuning.name or f"{choices['data']}-{choices['model']}-{settings[:8]}"
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or name.startswith("."):
        raise UsageError(f"tune.name is {name!r}; use letters, digits, '-', '_' and '.'.")
    max_epochs = job.config["trainer"].get("max_epochs", 100)
    return tuning, base, SharedStudy(tuning, name, settings, ledger, max_epochs)


def work(words: Sequence[str], ledger: Ledger, say: Say | None = None) -> SharedStudy:
    """Work on a study until it has as many trials as are wanted; others may work on it at the same time.

    Parameters
    ----------
    words : overrides, those of `tune` among them.
    ledger : of the trials' runs.
    say : takes a line about each trial.
    """
    tuning, base, study = open_study(words, ledger)
    with Display(tuning.trials) as shown:
        say = say or shown.say
        while True:
            shown.sweep(len(study.done()), f"{len(study.done())}/{tuning.trials} trials of {study.name}")
            claimed = study.next()
            if claimed is None:
                if not study.others_work():
                    return study
                time.sleep(0.5)
                continue
            trial, lease = claimed
            with lease:
                _work_on(trial, study, base, ledger, say)


def _work_on(trial: "Trial", study: SharedStudy, base: Sequence[str], ledger: Ledger, say: Say) -> None:
    from optuna.trial import TrialState

    started = time.perf_counter()
    words = words_of(trial.params)
    try:
        (job,) = plan([[*base, *words]])
        trial.set_user_attr("run", job.run_id)
        record = _record_of(job, ledger, _reports(trial, study.tuning))
        study.tell(trial, values=study.tuning.values(record))
        said = ", ".join(f"{m} {v:.6g}" for m, v in zip(study.tuning.metrics, study.tuning.values(record), strict=True))
    except Pruned:
        study.tell(trial, state=TrialState.PRUNED)
        said = "stopped early"
    except (NotWritable, OSError):
        # Not the trial's fault: it stays as it is, and goes on when there is room again.
        raise
    except Exception as error:
        trial.set_user_attr("reason", str(error))
        study.tell(trial, state=TrialState.FAIL)
        said = f"failed: {error}"
    chosen = " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in trial.params.items()
    )
    label = f"[{len(study.done())}/{study.tuning.trials}] trial {trial.number} {chosen}"
    say(f"{label}: {said}, {time.perf_counter() - started:.1f} s{_best(study)}")


def _best(study: SharedStudy) -> str:
    if len(study.tuning.metrics) > 1:
        return f"; {len(study.study.best_trials)} on the Pareto front"
    try:
        best: FrozenTrial = study.study.best_trial
    except ValueError:
        return ""
    return f"; best {best.value:.6g} (trial {best.number})"


def _record_of(job: Job, ledger: Ledger, tell: Callable[[list[dict[str, float]]], None]) -> dict[str, Any]:
    """Return the record of a trial's run, carrying it out unless it is finished."""
    while settled(job, ledger, retry_failed=False) is None:
        lease = ledger.claim(job.run_id)
        if lease is None:
            time.sleep(0.5)  # another trial that chose the same
            continue
        with lease:
            if settled(job, ledger, retry_failed=False) is None and carry_out(job, ledger, tell) == "pruned":
                raise Pruned
    record = ledger.record(job.run_id)
    if record.get("status") == "failed":
        raise CadcError(str(record.get("reason")))
    return record


def _reports(trial: "Trial", tuning: Tuning) -> Callable[[list[dict[str, float]]], None]:
    """Return what a run calls after each epoch: it reports the metric, and ends the run where the pruner says so."""
    # A trial that goes on has reported its first epochs already.
    reported = set(trial.storage.get_trial(trial._trial_id).intermediate_values)

    def tell(history: list[dict[str, float]]) -> None:
        if not tuning.prunes:
            return
        for row in history:
            epoch = int(row["epoch"])
            if epoch not in reported:
                reported.add(epoch)
                trial.report(row[tuning.metrics[0]], epoch)
        if trial.should_prune():
            raise Pruned

    return tell


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
        work(self.words, Ledger(), say=lambda line: None)
