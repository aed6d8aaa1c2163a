"""The settings that tuning chose: `tuned.yaml` beside `experiment.yaml`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf, log
from pathlib import Path
from typing import Any

from cadc.configuration.casting import cast
from cadc.configuration.from_files import require_overrides_for_files
from cadc.configuration.safe_yaml import dump_yaml, load_yaml
from cadc.errors import UsageError, shown
from cadc.storage.output_files import write_output

FILE = "tuned.yaml"
RATE = "sampler.rate"
FILES_OF_DATA = ("data.path", "data.description")
"""Keys of which the folder may be written in several ways."""


@dataclass(frozen=True)
class Tuned:
    """The settings that tuning chose for an arm at one point of its sweep.

    Parameters
    ----------
    arm : its name.
    at : the data set and the swept values of the point, by key.
    overrides : set what was chosen; empty if no trial was better than the current settings.
    study, trials, metric, value : the study, its number of trials, and the best value of its metric.
    repeats : runs of each trial.
    seconds : total of the runs of all trials, and of the study that this one comes after; 0 if not known.
    ended_by : what came first: `trials`, `seconds`, or the end of the `space`; empty if not known.
    """

    arm: str
    at: Mapping[str, str]
    overrides: tuple[str, ...]
    study: str = ""
    trials: int = 0
    metric: str = ""
    value: float = 0.0
    seconds: float = 0.0
    repeats: int = 1
    ended_by: str = ""


TYPES: dict[str, Any] = {
    "arm": str,
    "overrides": tuple[str, ...],
    "study": str,
    "trials": int,
    "metric": str,
    "value": float,
    "seconds": float,
    "repeats": int,
    "ended_by": str,
}
"""Keys of an entry beside `at`, and their types."""

OLDER_KEYS = {"words": "overrides"}
"""Keys under which older files hold the same."""


def read_tuned(path: Path, arms: Collection[str]) -> tuple[Tuned, ...]:
    """Return the settings in a file; empty if there is no file.

    Raises
    ------
    UsageError : for an invalid file, or settings of an arm that the experiment does not have.
    """
    if not path.exists():
        return ()
    found = []
    for number, node in enumerate(_entries(path)):
        where = f"{path}: entry {number}"
        is_valid = isinstance(node, Mapping) and {"arm", "at", "overrides"} <= set(node) <= {"at", *TYPES}
        if not is_valid or not isinstance(node["at"], Mapping):
            raise UsageError(
                f"{where} is {shown(node)}; expected arm, at and overrides, as `cadc experiment --tune` writes them."
            )
        if node["arm"] not in arms:
            raise UsageError(f"{where}: {shown(node['arm'])} is not an arm; tune again, or delete the entry.")
        given = {key: cast(node[key], kind, f"{where}.{key}") for key, kind in TYPES.items() if key in node}
        require_overrides_for_files(given["overrides"], where)
        found.append(Tuned(at={str(key): str(value) for key, value in node["at"].items()}, **given))
    return tuple(found)


def _entries(path: Path) -> list[Any]:
    nodes = load_yaml(path)
    return [
        {OLDER_KEYS.get(key, key): value for key, value in node.items()} if isinstance(node, Mapping) else node
        for node in (nodes if isinstance(nodes, list) else [nodes])
    ]


def borrow(path: Path, arms: Mapping[str, str]) -> tuple[Tuned, ...]:
    """Return settings of another experiment for the arms of one that is not tuned itself.

    Parameters
    ----------
    path : the other experiment's file.
    arms : by arm, the arm of the other experiment whose settings it takes.

    Raises
    ------
    UsageError : for an invalid file, or one without settings of an arm that is named.
    """
    nodes = _entries(path) if path.exists() else []
    theirs = read_tuned(path, [node["arm"] for node in nodes if isinstance(node, Mapping) and "arm" in node])
    if missing := [shown(arm) for arm in arms.values() if arm not in {found.arm for found in theirs}]:
        raise UsageError(f"{path} has no settings of {', '.join(missing)}; tune that experiment first.")
    return tuple(replace(found, arm=own) for own, arm in arms.items() for found in theirs if found.arm == arm)


def merged(earlier: Sequence[Tuned], found: Sequence[Tuned]) -> list[Tuned]:
    """Return earlier settings, with those of some points replaced and new points appended."""
    new = {(one.arm, tuple(sorted(one.at.items()))): one for one in found}
    kept = [new.pop((one.arm, tuple(sorted(one.at.items()))), one) for one in earlier]
    return [*kept, *new.values()]


def write_tuned(name: str, tuned: Sequence[Tuned], path: Path) -> None:
    """Write the settings of all arms of the experiment `name`."""
    # What older files do not say stays unsaid.
    nodes = [
        {key: value for key, value in asdict(found).items() if key != "ended_by" or value}
        | {"at": dict(found.at), "overrides": list(found.overrides)}
        for found in tuned
    ]
    text = dump_yaml(nodes, width=120)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_output(path, f"# Chosen on validation by `cadc experiment {name} --tune`, and applied to the grid.\n{text}")


def with_tuned(
    tuned: Sequence[Tuned], arm: str, overrides: Sequence[str], by_hand: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the overrides of a run with the settings that tuning chose for its point.

    Parameters
    ----------
    tuned : settings of all arms.
    arm, overrides : of the run; see `nearest`.
    by_hand : keys that the user set, which stay; a component set by the user takes no settings of another component.
    """
    best = nearest(tuned, arm, dict(_split(text) for text in overrides))
    if best is None:
        return tuple(overrides)
    chosen = dict(_split(text) for text in best.overrides)
    chosen = {key: value for key, value in chosen.items() if not {key, key.partition(".")[0]} & set(by_hand)}
    return (
        *(text for text in overrides if _split(text)[0] not in chosen),
        *(f"{key}={value}" for key, value in chosen.items()),
    )


def nearest(tuned: Sequence[Tuned], arm: str, values: Mapping[str, str]) -> Tuned | None:
    """Return the settings for a point of an arm; None if the arm is not tuned.

    A point that was not tuned itself, such as one that an override makes, takes the settings of the point of the arm
    that shares most swept values with it, and among several the one with the nearest rate.

    Parameters
    ----------
    tuned : settings of all arms.
    arm, values : of the point: its arm, and what it sets by key.
    """
    own = [found for found in tuned if found.arm == arm]
    return min(own, key=lambda found: _distance(found.at, values), default=None)


def _split(override: str) -> tuple[str, str]:
    key, _, value = override.partition("=")
    return key.lstrip("+"), value


def _distance(at: Mapping[str, str], values: Mapping[str, str]) -> tuple[float, float]:
    n_differing = sum(_difference(key, text, values.get(key)) for key, text in at.items() if key != RATE)
    try:
        apart = abs(log(float(at[RATE]) / float(values[RATE]))) if RATE in at and RATE in values else 0.0
    except (ValueError, ZeroDivisionError):
        apart = inf
    return n_differing, apart


def _difference(key: str, text: str, other: str | None) -> float:
    """Return how much two values of a key differ, 0 to 1; files of one name in two folders may be the same table."""
    if text == other:
        return 0.0
    return 0.5 if key in FILES_OF_DATA and other is not None and Path(text).name == Path(other).name else 1.0
