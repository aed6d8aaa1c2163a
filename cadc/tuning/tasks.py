"""The studies of an experiment: one for each arm and point of its sweep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cadc.configuration.compose import compose_config
from cadc.configuration.groups import files_of, keys_of
from cadc.configuration.overrides import expand, key_of
from cadc.errors import UsageError
from cadc.execution.jobs import runnable_cells
from cadc.experiment import Cell, Experiment, Tune, Tuned
from cadc.experiment.grid import is_sweep
from cadc.experiment.tuned import RATE
from cadc.pipeline.settings import Settings
from cadc.tuning.compose import space_of
from cadc.tuning.space import keys_of_space, options_of
from cadc.tuning.work import VALIDATION

SEEDS = ("seed", "sample_seed", "weight_seed", "factorization.seed", "data.split_seed")


@dataclass(frozen=True)
class Task:
    """One study of an experiment.

    Parameters
    ----------
    cell : the arm, and the overrides common to all trials.
    at : data set and swept values of its point; without the rate if one rate is tuned for all.
    space : of the options that this arm uses.
    below : settings chosen for another arm, on top of which this arm is tuned.
    """

    cell: Cell
    at: Mapping[str, str]
    space: Mapping[str, Any]
    below: Tuned | None = None

    def __str__(self) -> str:
        return f"{self.cell.arm}: {' '.join(f'{key}={text}' for key, text in self.at.items())}"


def tasks(experiment: Experiment, how: Tune, overrides: Sequence[str] = (), fast: bool = False) -> list[Task]:
    """Return the studies of an experiment.

    Parameters
    ----------
    experiment, how : the experiment, and how it is tuned.
    overrides, fast : applied to it, as in `tune_arms`.

    Raises
    ------
    UsageError : if an option is both swept and tuned, or no arm uses any option of its search space.
    """
    found: list[Task] = []
    for arm, space in how.spaces.items():
        # A point that overrides single out of a sweep is identified by the same keys.
        swept = [key_of(text) for text in experiment.overrides_of(arm, (), fast) if is_sweep(text)]
        ats = dict(_points(experiment.overrides_of(arm, overrides, fast), how, swept))
        for cell in _possible([Cell(arm, point) for point in ats]):
            own, at = _used(space_of(space), cell.overrides), ats[cell.overrides]
            keys = {key for found in keys_of_space(own).values() for key in found}
            if both := keys & set(at):
                raise UsageError(f"{arm}: {', '.join(sorted(both))} is both swept and tuned; remove one of the two.")
            if own:
                found.append(Task(cell, at, own))
    if not found:
        raise UsageError(f"no arm of {experiment.name} uses any option of its search space; correct tune.space.")
    return [_left(task, found, how) for task in found]


def _left(task: Task, found: Sequence[Task], how: Tune) -> Task:
    """Return a task without the options that the arm below it tunes."""
    taken = {key for other in found if other.cell.arm == how.after.get(task.cell.arm) for key in other.space}
    space = {key: leaf for key, leaf in task.space.items() if key not in taken}
    if not space:
        raise UsageError(
            f"{task.cell.arm}: {how.after[task.cell.arm]} tunes all of its search space already; add an option."
        )
    return replace(task, space=space)


def _possible(cells: list[Cell]) -> list[Cell]:
    try:
        return runnable_cells(cells, report=lambda line: None)
    except UsageError:
        return []


def _points(overrides: Sequence[str], how: Tune, swept: Sequence[str]) -> list[tuple[tuple[str, ...], dict[str, str]]]:
    """Return the overrides of each point that is tuned, with the seeds of tuning, and its data set and swept values.

    Parameters
    ----------
    overrides, how : of the arm, and how it is tuned.
    swept : keys that identify its points, in addition to those that its overrides sweep.
    """
    split_seed = _first_split(overrides) if how.split_seed is None else how.split_seed
    unseeded = [text for text in overrides if key_of(text) not in SEEDS]
    keys = dict.fromkeys(["data", *swept, *(key_of(text) for text in unseeded if is_sweep(text))])
    points = []
    for combination in expand(unseeded):
        values = {key_of(text): text.partition("=")[2] for text in combination}
        at = {key: values[key] for key in keys if key in values and key not in SEEDS}
        points.append(((*combination, f"seed={how.seed}", f"data.split_seed={split_seed}"), at))
    return points if how.per_rate else _middle(points)


def _first_split(overrides: Sequence[str]) -> int:
    """Return the seed of the split that the first run of an arm is tested on."""
    return int(compose_config(expand(overrides)[0])["data"]["split_seed"])


def _middle(points: list[tuple[tuple[str, ...], dict[str, str]]]) -> list[tuple[tuple[str, ...], dict[str, str]]]:
    """Return, of points that differ only in their rate, the one with the middle rate."""
    groups: dict[tuple[tuple[str, str], ...], list[tuple[float, tuple[str, ...]]]] = {}
    for overrides, at in points:
        rest = tuple((key, text) for key, text in at.items() if key != RATE)
        groups.setdefault(rest, []).append((float(at.get(RATE, "nan")), overrides))
    return [(sorted(group)[(len(group) - 1) // 2][1], dict(rest)) for rest, group in groups.items()]


def _used(space: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return the options of a search space that a run uses."""
    settings = Settings.compose([*overrides, VALIDATION])
    config = settings.config
    unused = {group for group in config["choices"] if group not in ("data", *settings.uses)}
    own = keys_of_space(space)
    options = options_of(space)
    used = {leaf for leaf, keys in own.items() if any(key.partition(".")[0] not in unused for key in keys)}
    # If trials choose the component itself, options of each component count.
    chosen = {key for leaf in used for key in own[leaf]}
    foreign = {leaf for leaf in used if leaf.partition(".")[0] not in chosen and _is_of_another(leaf, config)}
    return {leaf: options[leaf] for leaf in options if leaf in used - foreign}


def _is_of_another(key: str, config: Mapping[str, Any]) -> bool:
    """Return whether an option belongs to a component of the group that is not the chosen one, so is not a mistake."""
    group, _, rest = key.partition(".")
    option = rest.partition(".")[0]
    if group not in config["choices"] or option in config[group]:
        return False
    return any(option in keys_of(group, name) for name in files_of(group))
