"""Tuning the arms of an experiment alike: a study for every arm and point of its sweep, on validation alone."""

import re
import sys
from collections.abc import Sequence
from dataclasses import replace

from cadc.configuration.casting import cast
from cadc.configuration.override_text import words_of
from cadc.configuration.overrides import parse_words
from cadc.errors import CadcError, UsageError
from cadc.experiment import Experiment, Tune, Tuned
from cadc.experiment.tuned import OPTIONS, nearest
from cadc.ledger.store import Ledger, Record
from cadc.tuning.repeats import jobs_of, mean_values
from cadc.tuning.study import SharedStudy
from cadc.tuning.tasks import Task, tasks
from cadc.tuning.tuning import Tuning
from cadc.tuning.work import RUNS, record_of, study_of, work


def tune_arms(experiment: Experiment, overrides: Sequence[str], ledger: Ledger, fast: bool = False) -> list[Tuned]:
    """Work on the studies of all arms until each has its trials; return what was chosen.

    Started again, or in several processes, it goes on with the same studies.

    Parameters
    ----------
    experiment : that says how it is tuned.
    overrides : laid over it; `tune.trials=5` and the like over how it is tuned.
    ledger : of the trials' runs.
    fast : whether the experiment's overrides for a quick look are laid over it.

    Raises
    ------
    CadcError : for words, data or a search space that allow no tuning, and where no trial of an arm was complete.
    """
    how, others = _laid(experiment.tune, overrides)
    todo = tasks(experiment, how, others, fast)
    # The file keeps the order of the experiment.
    order = sorted(range(len(todo)), key=lambda index: todo[index].cell.arm in how.after)
    chosen: dict[int, Tuned] = {}
    for number, index in enumerate(order, 1):
        task = todo[index]
        print(f"[{number}/{len(todo)}] {task}", file=sys.stderr, flush=True)
        if task.cell.arm in how.after:
            task = _with_settings_of(task, how.after[task.cell.arm], list(chosen.values()))
        chosen[index] = _tuned(task, how, experiment, ledger)
    return [chosen[index] for index in range(len(todo))]


def _with_settings_of(task: Task, arm: str, chosen: Sequence[Tuned]) -> Task:
    """Return a task on top of what was chosen for another arm at the same point."""
    below = nearest(chosen, arm, task.at)
    if below is None or {key: task.at.get(key) for key in below.at} != dict(below.at):
        raise UsageError(f"{task} is to be tuned after {arm}, which has no settings there.")
    return replace(task, below=below)


def _tuned(task: Task, how: Tune, experiment: Experiment, ledger: Ledger) -> Tuned:
    """Work on the study of one arm at one point; return what was chosen."""
    slug = re.sub(r"[^a-z0-9]+", "-", task.cell.arm.lower()).strip("-")
    tuning = Tuning(task.space, how.trials, how.repeats, _metric(how, experiment))
    below = task.below.words if task.below else ()
    study, base = study_of(tuning, (*task.cell.words, *below), ledger, f"{experiment.name}-{slug}".strip("-"))
    work(study, base, ledger)
    best = study.best()
    if not best:
        raise CadcError(f"no trial of {task} was complete; the reasons are in the lines above.")
    own, value = tuple(words_of(best[0].params)), float(best[0].values[0])
    # The settings as they stand compete with those of the trials.
    as_they_stand = [record_of(job, ledger) for job in jobs_of(base, how.repeats)]
    (untuned,) = mean_values(tuning, as_they_stand)
    if (untuned - value) * (1 if tuning.directions[0] == "maximize" else -1) > 0:
        own, value = (), untuned
    print(f"the settings as they stand: {untuned:.6g}; best {value:.6g}", file=sys.stderr, flush=True)
    seconds = _seconds(study, ledger) + sum(record["cost"]["total_s"] for record in as_they_stand)
    seconds += task.below.seconds if task.below else 0.0
    return Tuned(
        task.cell.arm,
        task.at,
        (*below, *own),
        study=study.name,
        trials=len(study.done()),
        metric=tuning.metrics[0],
        value=value,
        seconds=round(seconds, 1),
        repeats=how.repeats,
    )


def _seconds(study: SharedStudy, ledger: Ledger) -> float:
    """Return what the runs of all trials took; one that has no record of a cost, such as a pruned one, its duration."""
    total, seen = 0.0, set()
    for trial in study.done():
        runs = trial.user_attrs.get(RUNS, "")
        if runs in seen:
            continue
        seen.add(runs)
        costs = [_cost(run_id, ledger) for run_id in runs.split()]
        if costs and all(cost is not None for cost in costs):
            total += sum(filter(None, costs))
        elif trial.duration:
            total += trial.duration.total_seconds()
    return total


def _cost(run_id: str, ledger: Ledger) -> float | None:
    record: Record = ledger.record(run_id) if ledger.recorded(run_id) else {}
    seconds: float | None = record.get("cost", {}).get("total_s")
    return seconds


def _laid(tune: Tune | None, overrides: Sequence[str]) -> tuple[Tune, list[str]]:
    """Return how arms are tuned, with the overrides that begin with `tune.`, and the other overrides."""
    assert tune is not None
    parsed = [
        (str(override.key_or_group), override.value(), word)
        for override, word in zip(parse_words(overrides), overrides, strict=True)
    ]
    own = {key.removeprefix("tune."): value for key, value, _ in parsed if key.startswith("tune.")}
    if unknown := [key for key in own if key not in OPTIONS]:
        raise UsageError(f"tune.{unknown[0]} is no option of an experiment's tuning; it has {', '.join(OPTIONS)}.")
    given = {key: cast(value, OPTIONS[key], f"tune.{key}") for key, value in own.items()}
    return replace(tune, **given), [word for key, _, word in parsed if not key.startswith("tune.")]


def _metric(how: Tune, experiment: Experiment) -> str:
    is_of_ranks = bool(experiment.metrics) and ("@" in experiment.metrics[0] or experiment.metrics[0] == "mrr")
    return how.metric or ("val/ndcg@10" if is_of_ranks else "val/logloss")
