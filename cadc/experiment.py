"""Experiments: a folder with a grid of arms and seeds, what it claims, and the words to run it with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias

from cadc.components import cast
from cadc.config import MAX_COMBINATIONS, expand, key_of
from cadc.errors import UsageError, shown
from cadc.paths import experiments_dir
from cadc.plain_yaml import load_yaml

WORDS: TypeAlias = tuple[str, ...]
KEYS: dict[str, Any] = {
    "title": str,
    "claim": str,
    "source": str,
    "common": WORDS,
    "seeds": tuple[int, ...],
    "arms": None,  # a list of words for each name
    "fast": WORDS,
    "reference": None,  # an arm, or an arm and a rate
    "metric": str,
    "margin": float,
}
"""What an experiment may say, and the type of each."""


@dataclass(frozen=True)
class Cell:
    """One run of an experiment: an arm at one point of its sweep with one seed."""

    arm: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Reference:
    """What the arms of a table are compared with, named before anything is run.

    Parameters
    ----------
    arm : its name.
    rate : of sampling, where the arm has several; None compares each point with the arm's point of the same rate, or
        with its only one.
    metric : that is compared.
    margin : of non-inferiority, in the metric's unit.
    """

    arm: str
    rate: float | None = None
    metric: str = "auc"
    margin: float = 0.002

    def __str__(self) -> str:
        return self.arm if self.rate is None else f"{self.arm} at rate {self.rate:g}"


@dataclass(frozen=True)
class Experiment:
    """What `experiment.yaml` says.

    Parameters
    ----------
    name : of its folder.
    title, claim, source : of the table: what it shows, what is claimed, and who claims it.
    common : overrides of all runs.
    seeds : values of `seed`.
    arms : by name, overrides; `key=a,b` sweeps.
    fast : overrides for a quick look, laid over everything.
    reference : what the arms are compared with; None compares nothing.
    """

    name: str
    title: str
    claim: str
    source: str
    common: tuple[str, ...]
    seeds: tuple[int, ...]
    arms: Mapping[str, tuple[str, ...]]
    fast: tuple[str, ...]
    reference: Reference | None = None

    def cells(self, overrides: Sequence[str] = ()) -> list[Cell]:
        """Return every run: arms × sweeps × seeds.

        Parameters
        ----------
        overrides : laid over those of the experiment; one of a key that it sets, or sweeps, replaces its values.
        """
        laid = {key_of(word): word for word in overrides}
        found = []
        for arm, own in self.arms.items():
            seeds = f"seed={','.join(map(str, self.seeds))}"
            words = {key_of(word): word for word in (*self.common, seeds, *own)} | laid
            found += [Cell(arm, tuple(combination)) for combination in expand(list(words.values()))]
            if len(found) > MAX_COMBINATIONS:
                raise UsageError(f"{self.name} asks for more than {MAX_COMBINATIONS:,} runs; sweep fewer values.")
        return found


def names() -> list[str]:
    """Return the names of all experiments."""
    return sorted(path.parent.name for path in experiments_dir().glob("*/experiment.yaml"))


def load_experiment(name: str) -> Experiment:
    """Read `experiments/NAME/experiment.yaml`, or that of a folder of one's own.

    Parameters
    ----------
    name : of an experiment, or path of a folder that holds an `experiment.yaml`.

    Raises
    ------
    UsageError : where there is no such experiment, or its file says what is not understood.
    """
    own = Path(name) / "experiment.yaml"
    path = own if own.exists() else experiments_dir() / name / "experiment.yaml"
    if not path.exists():
        near = get_close_matches(name[:100], names(), n=3) or names()
        raise UsageError(f"there is no experiment {shown(name)}; did you mean {' or '.join(near)}?")
    return Experiment(name=path.parent.resolve().name, **_content(path))


def _content(path: Path) -> dict[str, Any]:
    """Return what a file says, by key, each of its type."""
    found = load_yaml(path)
    if not isinstance(found, dict):
        raise UsageError(f"{path} is no description of an experiment; it needs the keys title, seeds and arms.")
    unknown = [shown(key) for key in found if key not in KEYS]
    if unknown:
        raise UsageError(f"{path} has the unknown keys {', '.join(unknown)}; known are {', '.join(KEYS)}.")
    missing = [key for key in ("title", "seeds", "arms") if found.get(key) in (None, [], {})]
    if missing:
        raise UsageError(f"{path} needs {' and '.join(missing)}; at least one arm and one seed.")
    content: dict[str, Any] = {"claim": "", "source": "", "common": (), "fast": ()}
    for key, value in found.items():
        if key not in ("arms", "reference"):
            content[key] = cast(value, KEYS[key], f"{path}: {key}")
    content["arms"] = _arms(found["arms"], path)
    how: dict[str, Any] = {key: content.pop(key) for key in ("metric", "margin") if key in content}
    if found.get("reference") is not None:
        content["reference"] = _reference(found["reference"], content["arms"], how, path)
    elif how:
        raise UsageError(f"{path} sets {' and '.join(how)} but no reference to compare the arms with.")
    return content


def _arms(value: Any, path: Path) -> dict[str, WORDS]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{path}: arms is {shown(value)}; expected names, each with a list of words.")
    arms = {}
    for name, words in value.items():
        if not (isinstance(name, str) and name.strip() and name.isprintable()):
            raise UsageError(f"{path}: an arm is named {shown(name)}; a name is a text on one line.")
        arms[name] = cast(words or (), WORDS, f"{path}: arm {name}")
    return arms


def _reference(value: Any, arms: Mapping[str, WORDS], how: Mapping[str, Any], path: Path) -> Reference:
    """Return what `reference` says, an arm or `{arm: ..., rate: ...}`, and how arms are compared with it."""
    named = {"arm": value} if isinstance(value, str) else value
    if not isinstance(named, Mapping) or "arm" not in named or not set(named) <= {"arm", "rate"}:
        raise UsageError(f"{path}: reference is {shown(value)}; expected an arm, or {{arm: NAME, rate: NUMBER}}.")
    arm = cast(named["arm"], str, f"{path}: reference")
    if arm not in arms:
        near = get_close_matches(arm[:100], arms, n=3) or list(arms)
        raise UsageError(f"{path}: the reference {shown(arm)} is no arm; did you mean {' or '.join(near)}?")
    reference = Reference(arm, cast(named.get("rate"), float | None, f"{path}: reference.rate"), **how)
    if not reference.margin >= 0:
        raise UsageError(f"{path}: margin is {reference.margin:g}; it must be 0 or above.")
    # Statistics take a while to import, and few commands need them.
    from cadc.evaluation.statistics.measures import measure

    try:
        measure(reference.metric)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    return reference
