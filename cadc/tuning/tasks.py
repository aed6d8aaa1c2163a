"""Which studies an experiment asks for: one for every arm and point of its sweep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cadc.configuration.compose import compose_config
from cadc.configuration.groups import files_of
from cadc.configuration.overrides import expand, key_of
from cadc.configuration.safe_yaml import load_yaml
from cadc.configuration.settings import used_groups
from cadc.errors import UsageError
from cadc.execution.jobs import without_impossible
from cadc.experiment import Cell, Experiment, Tune, Tuned
from cadc.experiment.grid import is_sweep
from cadc.experiment.tuned import RATE
from cadc.tuning.compose import space_of
from cadc.tuning.space import leaves
from cadc.tuning.work import VALIDATION

SEEDS = ("seed", "sample_seed", "weight_seed", "data.split_seed")


@dataclass(frozen=True)
class Task:
    """A study that is wanted.

    Parameters
    ----------
    cell : the arm, and the words that all trials have in common.
    at : data set and swept values of its point, the rate left out where it stands for all.
    space : of the options that this arm uses.
    below : what was chosen for another arm, and is laid under this one.
    """

    cell: Cell
    at: Mapping[str, str]
    space: Mapping[str, Any]
    below: Tuned | None = None

    def __str__(self) -> str:
        return f"{self.cell.arm}: {' '.join(f'{key}={text}' for key, text in self.at.items())}"


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
    found: list[Task] = []
    for arm, space in how.spaces.items():
        # A point that words single out of a sweep is told by the same keys.
        swept = [key_of(word) for word in experiment.words(arm, (), fast) if is_sweep(word)]
        ats = dict(_points(experiment.words(arm, overrides, fast), how, swept))
        for cell in _possible([Cell(arm, words) for words in ats]):
            own, at = _used(space_of(space), cell.words), ats[cell.words]
            if both := set(own) & set(at):
                raise UsageError(f"{arm}: {', '.join(sorted(both))} is swept, so it cannot be tuned as well.")
            if own:
                found.append(Task(cell, at, own))
    if not found:
        raise UsageError(f"no arm of {experiment.name} uses an option of its search space.")
    return [_left(task, found, how) for task in found]


def _left(task: Task, found: Sequence[Task], how: Tune) -> Task:
    """Return a task without the options that the arm below it tunes."""
    taken = {key for other in found if other.cell.arm == how.after.get(task.cell.arm) for key in other.space}
    space = {key: leaf for key, leaf in task.space.items() if key not in taken}
    if not space:
        raise UsageError(f"{task.cell.arm}: {how.after[task.cell.arm]} tunes all of its search space.")
    return replace(task, space=space)


def _possible(cells: list[Cell]) -> list[Cell]:
    try:
        return without_impossible(cells, say=lambda line: None)
    except UsageError:
        return []


def _points(words: Sequence[str], how: Tune, swept: Sequence[str]) -> list[tuple[tuple[str, ...], dict[str, str]]]:
    """Return the words of each point that is tuned, with the seeds of tuning, and what tells it apart.

    Parameters
    ----------
    words, how : of the arm, and how it is tuned.
    swept : keys that tell its points apart, beside those that its words sweep.
    """
    split_seed = _first_split(words) if how.split_seed is None else how.split_seed
    words = [word for word in words if key_of(word) not in SEEDS]
    keys = dict.fromkeys(["data", *swept, *(key_of(word) for word in words if is_sweep(word))])
    points = []
    for combination in expand(words):
        values = {key_of(word): word.partition("=")[2] for word in combination}
        at = {key: values[key] for key in keys if key in values and key not in SEEDS}
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
