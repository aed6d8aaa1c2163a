"""Tuning the arms of an experiment: one study for each arm and point of its sweep, on validation data alone."""

import re
from collections.abc import Sequence
from dataclasses import replace

from cadc.configuration.casting import cast
from cadc.configuration.overrides import parse_overrides
from cadc.errors import CadcError, UsageError
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.prefixes import VALIDATION
from cadc.evaluation.saved_tables import SAVED
from cadc.experiment import Experiment, Tune, Tuned
from cadc.experiment.tune import OPTIONS
from cadc.experiment.tuned import nearest
from cadc.ledger.store import Ledger, Record
from cadc.terminal.progress import say
from cadc.tuning.repeats import mean_values, trial_jobs
from cadc.tuning.study import SharedStudy
from cadc.tuning.tasks import Task, tasks
from cadc.tuning.tuning import Tuning
from cadc.tuning.work import RUNS, create_study, finished_record, work


def tune_arms(experiment: Experiment, overrides: Sequence[str], ledger: Ledger, fast: bool = False) -> list[Tuned]:
    """Work on the studies of all arms until each has its trials; return the chosen settings.

    Called again, or in several processes, it continues the same studies.

    Parameters
    ----------
    experiment : with the key `tune`.
    overrides : applied to its grid; those such as `tune.trials=5` to its tuning.
    ledger : of the trials' runs.
    fast : whether the experiment's overrides for a quick look are applied.

    Raises
    ------
    CadcError : for invalid overrides, data or search space, and if no trial of an arm was complete.
    """
    how, others = _with_overrides(experiment.tune, overrides)
    todo = tasks(experiment, how, others, fast)
    # Arms that come after another are tuned last; the result keeps the order of the experiment.
    order = sorted(range(len(todo)), key=lambda index: todo[index].cell.arm in how.after)
    chosen: dict[int, Tuned] = {}
    for number, index in enumerate(order, 1):
        task = todo[index]
        say(f"[{number}/{len(todo)}] {task}")
        if task.cell.arm in how.after:
            task = _with_settings_of(task, how.after[task.cell.arm], list(chosen.values()))
        chosen[index] = _tuned(task, how, experiment, ledger)
    return [chosen[index] for index in range(len(todo))]


def _with_settings_of(task: Task, arm: str, chosen: Sequence[Tuned]) -> Task:
    """Return a task on top of the settings chosen for another arm at the same point."""
    below = nearest(chosen, arm, task.at)
    if below is None or {key: task.at.get(key) for key in below.at} != dict(below.at):
        raise UsageError(f"{task} is tuned after {arm}, which has no settings at this point; tune {arm} there too.")
    return replace(task, below=below)


def _tuned(task: Task, how: Tune, experiment: Experiment, ledger: Ledger) -> Tuned:
    """Work on the study of one arm at one point; return the chosen settings."""
    slug = re.sub(r"[^a-z0-9]+", "-", task.cell.arm.lower()).strip("-")
    tuning = Tuning(task.space, how.trials, how.repeats, _metric(how, experiment))
    below = task.below.overrides if task.below else ()
    study, base = create_study(tuning, (*task.cell.overrides, *below), ledger, f"{experiment.name}-{slug}".strip("-"))
    work(study, base, ledger)
    best = study.best()
    if not best:
        raise CadcError(f"no trial of {task} was complete; see the lines above.")
    own, value = tuple(tuning.overrides(best[0])), float(best[0].values[0])
    # The current settings compete with those of the trials.
    current = [finished_record(job, ledger) for job in trial_jobs(base, how.repeats)]
    (untuned,) = mean_values(tuning, current, ledger)
    if (untuned - value) * (1 if tuning.directions[0] == "maximize" else -1) > 0:
        own, value = (), untuned
    say(f"current settings: {untuned:.6g}; best: {value:.6g}")
    seconds = _seconds(study, ledger) + sum(record["cost"]["total_s"] for record in current)
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
    """Return the seconds of all trials: the cost of their runs, or the duration of a trial without one (pruned)."""
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


def _with_overrides(tune: Tune | None, overrides: Sequence[str]) -> tuple[Tune, list[str]]:
    """Apply the overrides that begin with `tune.` to the tuning; return it and the other overrides."""
    assert tune is not None
    parsed = [
        (str(override.key_or_group), override.value(), text)
        for override, text in zip(parse_overrides(overrides), overrides, strict=True)
    ]
    own = {key.removeprefix("tune."): value for key, value, _ in parsed if key.startswith("tune.")}
    if unknown := [key for key in own if key not in OPTIONS]:
        raise UsageError(f"tune.{unknown[0]} is not an option here; choose one of {', '.join(OPTIONS)}.")
    given = {key: cast(value, OPTIONS[key], f"tune.{key}") for key, value in own.items()}
    return replace(tune, **given), [text for key, _, text in parsed if not key.startswith("tune.")]


def _metric(how: Tune, experiment: Experiment) -> str:
    """Return what trials are judged by: as the experiment says, else what training stops by on its runs' task."""
    first = experiment.metrics[0].removeprefix(VALIDATION) if experiment.metrics else "logloss"
    return how.metric or f"{VALIDATION}{SAVED[metric(first).task].monitor}"
