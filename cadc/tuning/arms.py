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
from cadc.ledger.store import Ledger
from cadc.terminal.progress import say
from cadc.tuning.tasks import Task, tasks
from cadc.tuning.tuning import DEFAULT, Tuning
from cadc.tuning.work import create_study, work


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
    found = [chosen[index] for index in range(len(todo))]
    return [*found, *(replace(own, arm=arm) for arm, other in how.like.items() for own in found if own.arm == other)]


def _with_settings_of(task: Task, arm: str, chosen: Sequence[Tuned]) -> Task:
    """Return a task on top of the settings chosen for another arm at the same point."""
    below = nearest(chosen, arm, task.at)
    if below is None or {key: task.at.get(key) for key in below.at} != dict(below.at):
        raise UsageError(f"{task} is tuned after {arm}, which has no settings at this point; tune {arm} there too.")
    return replace(task, below=below)


def _tuned(task: Task, how: Tune, experiment: Experiment, ledger: Ledger) -> Tuned:
    """Work on the study of one arm at one point; return the chosen settings."""
    slug = re.sub(r"[^a-z0-9]+", "-", task.cell.arm.lower()).strip("-")
    below, spent = (task.below.overrides, task.below.seconds) if task.below else ((), 0.0)
    tuning = Tuning(
        task.space,
        how.trials,
        # What comes after another arm shares its seconds; trial 0 always has a turn.
        seconds=None if how.seconds is None else max(how.seconds - spent, 0.001),
        repeats=how.repeats,
        metric=_metric(how, experiment),
        pruner=how.pruner,
    )
    study, base = create_study(tuning, (*task.cell.overrides, *below), ledger, f"{experiment.name}-{slug}".strip("-"))
    work(study, base, ledger)
    best = study.best()
    if not best:
        raise CadcError(f"no trial of {task} was complete; see the lines above.")
    which = "the current settings" if DEFAULT in best[0].user_attrs else f"trial {best[0].number}"
    say(f"best: {best[0].values[0]:.6g} ({which})")
    return Tuned(
        task.cell.arm,
        task.at,
        (*below, *tuning.overrides(best[0])),
        study=study.name,
        trials=len(study.done()),
        metric=tuning.metrics[0],
        value=float(best[0].values[0]),
        seconds=round(study.seconds() + spent, 1),
        repeats=how.repeats,
        ended_by=study.ended_by(),
    )


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
