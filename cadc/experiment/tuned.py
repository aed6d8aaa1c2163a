"""How an experiment's arms are tuned, and the settings that were chosen: `tuned.yaml` beside `experiment.yaml`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import inf, log
from pathlib import Path
from typing import Any

import yaml

from cadc.configuration.casting import cast
from cadc.configuration.safe_yaml import load_yaml
from cadc.errors import UsageError, shown

FILE = "tuned.yaml"
RATE = "sampler.rate"


@dataclass(frozen=True)
class Tune:
    """How the arms of an experiment are tuned: all with the same number of trials, on validation alone.

    The settings as they stand compete with those of the trials.

    Parameters
    ----------
    spaces : by arm, an option of `conf/tune` or a search space; an arm without one is not tuned. Of a space only
        those keys count whose group the arm uses, and which its component of that group has.
    after : by arm, another whose settings are laid under it first, so that it is tuned in what is left. A network then
        shares the factorisation of its control, and what the network adds is told apart. Its trials come on top of the
        other arm's.
    trials : of every study.
    repeats : runs of each trial, of consecutive seeds; their mean is its value.
    metric : of a record, such as `val/logloss`; None takes the first of the experiment, on validation.
    seed : of sample and weights, apart from those of the table.
    split_seed : of the split; None takes that of the table's first seed, so that no trial reads a row that is
        tested under that split. Under the random splits of the other seeds trials have read rows that are tested there.
    per_rate : whether every sampling rate is tuned by itself; else the middle one stands for all.
    """

    spaces: Mapping[str, Any]
    after: Mapping[str, str] = field(default_factory=dict)
    trials: int = 20
    repeats: int = 1
    metric: str | None = None
    seed: int = 1000
    split_seed: int | None = None
    per_rate: bool = True

    @classmethod
    def read(cls, node: Any, arms: Collection[str], where: str) -> "Tune":
        """Return what `tune` in `experiment.yaml` says.

        Parameters
        ----------
        node : with the key `space`, for all arms or by arm, and of `after` and `OPTIONS` what differs from the default.
        arms : their names.
        where : for messages.

        Raises
        ------
        UsageError : for keys and values that are not understood.
        """
        if not isinstance(node, Mapping) or "space" not in node or not set(node) <= {"space", "after", *OPTIONS}:
            known = ", ".join(["after", *OPTIONS])
            raise UsageError(f"{where} is {shown(node)}; expected the key space, and of {known} what differs.")
        space = node["space"]
        if not isinstance(space, str | Mapping) or not space:
            raise UsageError(f"{where}.space is {shown(space)}; expected an option of conf/tune, or a search space.")
        spaces: Mapping[str, Any] = dict.fromkeys(arms, space)
        if isinstance(space, Mapping) and any(key in arms for key in space):
            if unknown := [shown(key) for key in space if key not in arms]:
                raise UsageError(f"{where}.space names {', '.join(unknown)}, which is no arm.")
            spaces = space
        given = {key: cast(node[key], kind, f"{where}.{key}") for key, kind in OPTIONS.items() if key in node}
        after = node.get("after") or {}
        if not isinstance(after, Mapping):
            raise UsageError(f"{where}.after is {shown(after)}; expected {{arm: another arm}}.")
        for arm, below in after.items():
            if arm not in spaces or below not in spaces:
                raise UsageError(
                    f"{where}.after names {shown(below if arm in spaces else arm)}, which is no tuned arm."
                )
            if below in after:
                raise UsageError(f"{where}.after: {arm} comes after {below}, which comes after another itself.")
        for name in ("trials", "repeats"):
            if given.get(name, 1) < 1:
                raise UsageError(f"{where}.{name} is {given[name]}; it must be at least 1.")
        return cls(spaces, after, **given)

    def only(self, arms: Collection[str]) -> "Tune":
        """Return how some of the arms are tuned.

        Raises
        ------
        UsageError : for an arm that is tuned after another that is not among them.
        """
        after = {arm: below for arm, below in self.after.items() if arm in arms}
        for arm, below in after.items():
            if below not in arms:
                raise UsageError(f"{arm} is tuned after {below}; name {below}, too.")
        return replace(self, spaces={arm: space for arm, space in self.spaces.items() if arm in arms}, after=after)


OPTIONS: dict[str, Any] = {
    "trials": int,
    "repeats": int,
    "metric": str | None,
    "seed": int,
    "split_seed": int | None,
    "per_rate": bool,
}


@dataclass(frozen=True)
class Tuned:
    """The settings that tuning chose for an arm at one point of its sweep.

    Parameters
    ----------
    arm : its name.
    at : the data set, and what the arm sweeps, at this point.
    words : that set what was chosen; none where no trial was better than the settings as they stand.
    study, trials, metric, value : the study, how many trials it had, and the best value of its metric.
    repeats : runs of each trial.
    seconds : that the runs of its trials took together, those of the settings as they stand, and the study of the arm
        that this one comes after; 0 where not known.
    """

    arm: str
    at: Mapping[str, str]
    words: tuple[str, ...]
    study: str = ""
    trials: int = 0
    metric: str = ""
    value: float = 0.0
    seconds: float = 0.0
    repeats: int = 1


KINDS: dict[str, Any] = {
    "arm": str,
    "words": tuple[str, ...],
    "study": str,
    "trials": int,
    "metric": str,
    "value": float,
    "seconds": float,
    "repeats": int,
}


def read_tuned(path: Path, arms: Collection[str]) -> tuple[Tuned, ...]:
    """Return the settings that a file holds; none where there is no file.

    Raises
    ------
    UsageError : for a file that is none, or settings of an arm that the experiment does not have.
    """
    if not path.exists():
        return ()
    nodes = load_yaml(path)
    found = []
    for number, node in enumerate(nodes if isinstance(nodes, list) else [nodes]):
        where = f"{path}: entry {number}"
        is_known = isinstance(node, Mapping) and {"arm", "at", "words"} <= set(node) <= {"at", *KINDS}
        if not is_known or not isinstance(node["at"], Mapping):
            raise UsageError(f"{where} is {shown(node)}; `cadc experiment --tune` writes this file.")
        if node["arm"] not in arms:
            raise UsageError(f"{where} is of {shown(node['arm'])}, which is no arm; tune again, or delete the entry.")
        given = {key: cast(node[key], kind, f"{where}.{key}") for key, kind in KINDS.items() if key in node}
        found.append(Tuned(at={str(key): str(value) for key, value in node["at"].items()}, **given))
    return tuple(found)


def borrow(path: Path, arms: Mapping[str, str]) -> tuple[Tuned, ...]:
    """Return the settings that another experiment's file holds, for the arms of one that is not tuned itself.

    Parameters
    ----------
    path : of the file.
    arms : whose settings each arm takes, by its name.

    Raises
    ------
    UsageError : for a file that is none, or has no settings of an arm that is named.
    """
    nodes = load_yaml(path) if path.exists() else []
    theirs = read_tuned(path, [node["arm"] for node in nodes if isinstance(node, Mapping) and "arm" in node])
    if missing := [shown(arm) for arm in arms.values() if arm not in {found.arm for found in theirs}]:
        raise UsageError(f"{path} has no settings of {', '.join(missing)}.")
    return tuple(replace(found, arm=own) for own, arm in arms.items() for found in theirs if found.arm == arm)


def merged(earlier: Sequence[Tuned], found: Sequence[Tuned]) -> list[Tuned]:
    """Return earlier settings of all arms with those of some points replaced, and new points after them."""
    new = {(one.arm, tuple(sorted(one.at.items()))): one for one in found}
    kept = [new.pop((one.arm, tuple(sorted(one.at.items()))), one) for one in earlier]
    return [*kept, *new.values()]


def write_tuned(name: str, tuned: Sequence[Tuned], path: Path) -> None:
    """Write the settings of all arms."""
    nodes = [asdict(found) | {"at": dict(found.at), "words": list(found.words)} for found in tuned]
    text = yaml.safe_dump(nodes, sort_keys=False, allow_unicode=True, width=120)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# Chosen on validation by `cadc experiment {name} --tune`, and laid over the grid.\n{text}")


def lay(tuned: Sequence[Tuned], arm: str, words: Sequence[str], overrides: Collection[str] = ()) -> tuple[str, ...]:
    """Return the words of a run with the settings that tuning chose for its point.

    Parameters
    ----------
    tuned : settings of all arms.
    arm, words : of the run; see `nearest`.
    overrides : keys that were set by hand, and stay; a component chosen by hand takes no settings of another.
    """
    best = nearest(tuned, arm, dict(_split(word) for word in words))
    if best is None:
        return tuple(words)
    chosen = dict(_split(word) for word in best.words)
    chosen = {key: text for key, text in chosen.items() if not {key, key.partition(".")[0]} & set(overrides)}
    return (*(word for word in words if _split(word)[0] not in chosen), *(f"{k}={v}" for k, v in chosen.items()))


def nearest(tuned: Sequence[Tuned], arm: str, values: Mapping[str, str]) -> Tuned | None:
    """Return the settings of a point of an arm, None where the arm is not tuned.

    A point that was not tuned itself, such as one that an override makes, takes those of the arm's point that agrees
    with it in most of what is swept, and of several the one of the nearest rate.

    Parameters
    ----------
    tuned : settings of all arms.
    arm, values : of the point; what it sets, by key.
    """
    own = [found for found in tuned if found.arm == arm]
    return min(own, key=lambda found: _distance(found.at, values), default=None)


def _split(word: str) -> tuple[str, str]:
    key, _, text = word.partition("=")
    return key.lstrip("+"), text


def _distance(at: Mapping[str, str], values: Mapping[str, str]) -> tuple[int, float]:
    differing = sum(values.get(key) != text for key, text in at.items() if key != RATE)
    try:
        apart = abs(log(float(at[RATE]) / float(values[RATE]))) if RATE in at and RATE in values else 0.0
    except (ValueError, ZeroDivisionError):
        apart = inf
    return differing, apart
