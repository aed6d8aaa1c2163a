"""Tuning the arms of an experiment alike: a study for every arm and point of its sweep, on validation alone."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cadc.choices import used_groups
from cadc.components import cast
from cadc.config import compose_config
from cadc.errors import CadcError, UsageError
from cadc.experiment import Cell, Experiment, Tune, Tuned
from cadc.experiment.grid import is_sweep
from cadc.experiment.tuned import OPTIONS, RATE
from cadc.jobs import plan, without_impossible
from cadc.ledger.store import Ledger, Record
from cadc.options import files_of
from cadc.overrides import expand, key_of, parse_words
from cadc.plain_yaml import load_yaml
from cadc.tuning.compose import space_of
from cadc.tuning.space import leaves
from cadc.tuning.study import SharedStudy
from cadc.tuning.tuning import Tuning
from cadc.tuning.work import VALIDATION, record_of, study_of, work
from cadc.words import words_of

SEEDS = ("seed", "sample_seed", "weight_seed", "data.split_seed")


@dataclass(frozen=True)
class Task:
    """A study that is wanted.

    Parameters
    ----------
    cell : the arm, and the words that all trials have in common.
    at : data set and swept values of its point, the rate left out where it stands for all.
    space : of the options that this arm uses.
    """

    cell: Cell
    at: Mapping[str, str]
    space: Mapping[str, Any]


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
    chosen = []
    todo = tasks(experiment, how, others, fast)
    for number, task in enumerate(todo, 1):
        at = " ".join(f"{key}={text}" for key, text in task.at.items())
        print(f"[{number}/{len(todo)}] {task.cell.arm}: {at}", file=sys.stderr, flush=True)
        slug = re.sub(r"[^a-z0-9]+", "-", task.cell.arm.lower()).strip("-")
        tuning = Tuning(task.space, how.trials, _metric(how, experiment))
        study, base = study_of(tuning, task.cell.words, ledger, f"{experiment.name}-{slug}".strip("-"))
        work(study, base, ledger)
        best = study.best()
        if not best:
            raise CadcError(f"no trial of {task.cell.arm} at {at} was complete; the reasons are in the lines above.")
        words, value = tuple(words_of(best[0].params)), float(best[0].values[0])
        as_they_stand = _as_they_stand(base, ledger)
        untuned = float(tuning.values(as_they_stand)[0])
        if (untuned - value) * (1 if tuning.directions[0] == "maximize" else -1) > 0:
            words, value = (), untuned
        print(f"the settings as they stand: {untuned:.6g}; best {value:.6g}", file=sys.stderr, flush=True)
        seconds = round(_seconds(study, ledger) + as_they_stand["cost"]["total_s"], 1)
        trials = len(study.done())
        chosen.append(Tuned(task.cell.arm, task.at, words, study.name, trials, tuning.metrics[0], value, seconds))
    return chosen


def _as_they_stand(base: Sequence[str], ledger: Ledger) -> Record:
    """Return the record of an arm with its settings as they stand, which compete with those of trials."""
    (job,) = plan([list(base)])
    return record_of(job, ledger, lambda history: None)


def _seconds(study: SharedStudy, ledger: Ledger) -> float:
    """Return what the runs of all trials took; one that has no record of a cost, such as a pruned one, its duration."""
    total, seen = 0.0, set()
    for trial in study.done():
        run_id = trial.user_attrs.get("run")
        if run_id in seen:
            continue
        seen.add(run_id)
        record = ledger.record(run_id) if run_id is not None and ledger.recorded(run_id) else {}
        lasted = trial.duration.total_seconds() if trial.duration else 0.0
        total += record.get("cost", {}).get("total_s", lasted)
    return total


def _laid(tune: Tune | None, overrides: Sequence[str]) -> tuple[Tune, list[str]]:
    """Return how arms are tuned, with the overrides that begin with `tune.`, and the other overrides."""
    assert tune is not None
    parsed = [
        (str(override.key_or_group), override.value(), override.input_line) for override in parse_words(overrides)
    ]
    own = {key.removeprefix("tune."): value for key, value, _ in parsed if key.startswith("tune.")}
    if unknown := [key for key in own if key not in OPTIONS]:
        raise UsageError(f"tune.{unknown[0]} is no option of an experiment's tuning; it has {', '.join(OPTIONS)}.")
    given = {key: cast(value, OPTIONS[key], f"tune.{key}") for key, value in own.items()}
    return replace(tune, **given), [str(line) for key, _, line in parsed if not key.startswith("tune.")]


def _metric(how: Tune, experiment: Experiment) -> str:
    is_of_ranks = bool(experiment.metrics) and ("@" in experiment.metrics[0] or experiment.metrics[0] == "mrr")
    return how.metric or ("val/ndcg@10" if is_of_ranks else "val/logloss")


def tasks(experiment: Experiment, how: Tune, overrides: Sequence[str] = (), fast: bool = False) -> list[Task]:
    """Return the studies that an experiment asks for.

    Parameters
    ----------
    experiment, how : the experiment, and how it is tuned.
    overrides, fast : laid over it, as in `tune_arms`.

    Raises
    ------
    UsageError : where an option would be both swept and tuned, or no arm uses anything of its search space.
    """
    found = []
    for arm, space in how.spaces.items():
        ats = dict(_points(experiment.words(arm, overrides, fast), how))
        for cell in _possible([Cell(arm, words) for words in ats]):
            own, at = _used(space_of(space), cell.words), ats[cell.words]
            if both := set(own) & set(at):
                raise UsageError(f"{arm}: {', '.join(sorted(both))} is swept, so it cannot be tuned as well.")
            if own:
                found.append(Task(cell, at, own))
    if not found:
        raise UsageError(f"no arm of {experiment.name} uses an option of its search space.")
    return found


def _possible(cells: list[Cell]) -> list[Cell]:
    try:
        return without_impossible(cells, say=lambda line: None)
    except UsageError:
        return []


def _points(words: Sequence[str], how: Tune) -> list[tuple[tuple[str, ...], dict[str, str]]]:
    """Return the words of each point that is tuned, with the seeds of tuning, and what tells it apart."""
    split_seed = _first_split(words) if how.split_seed is None else how.split_seed
    words = [word for word in words if key_of(word) not in SEEDS]
    swept = [key_of(word) for word in words if is_sweep(word)]
    points = []
    for combination in expand(words):
        values = {key_of(word): word.partition("=")[2] for word in combination}
        at = {key: values[key] for key in dict.fromkeys(["data", *swept]) if key in values}
        points.append(((*combination, f"seed={how.seed}", f"data.split_seed={split_seed}"), at))
    return points if how.per_rate else _middle(points)


def _first_split(words: Sequence[str]) -> int:
    """Return the seed of the split that the first run of an arm is tested on."""
    return int(compose_config(expand(words)[0])["data"]["split_seed"])


def _middle(points: list[tuple[tuple[str, ...], dict[str, str]]]) -> list[tuple[tuple[str, ...], dict[str, str]]]:
    """Return of the points that differ in their rate alone the one of the middle rate, which stands for all."""
    groups: dict[tuple[tuple[str, str], ...], list[tuple[float, tuple[str, ...]]]] = {}
    for words, at in points:
        rest = tuple((key, text) for key, text in at.items() if key != RATE)
        groups.setdefault(rest, []).append((float(at.get(RATE, "nan")), words))
    return [(sorted(group)[(len(group) - 1) // 2][1], dict(rest)) for rest, group in groups.items()]


def _used(space: Mapping[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """Return those options of a search space that belong to what a run uses."""
    config = compose_config([*words, VALIDATION])
    unused = {group for group in config["choices"] if group not in ("data", *used_groups(config))}
    found = {key: leaf for key, leaf in leaves(space) if key.partition(".")[0] not in unused}
    # Where trials choose the component itself, options of each may count.
    foreign = {key for key in found if key.partition(".")[0] not in found and _is_of_another(key, config)}
    return {key: leaf for key, leaf in found.items() if key not in foreign}


def _is_of_another(key: str, config: Mapping[str, Any]) -> bool:
    """Tell whether an option is none of the group's chosen component, but of another, so that it is no mistake."""
    group, _, rest = key.partition(".")
    option = rest.partition(".")[0]
    if group not in config["choices"] or option in config[group]:
        return False
    return any(option in load_yaml(path) for path in files_of(group).values())
