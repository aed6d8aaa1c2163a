"""Experiments: a folder with a grid of arms and seeds, what it claims, and the words to run it with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from cadc.config import expand, key_of
from cadc.errors import UsageError
from cadc.paths import experiments_dir

KEYS = {"title", "claim", "source", "common", "seeds", "arms", "fast", "reference", "metric", "margin"}


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
        near = get_close_matches(name, names(), n=3) or names()
        raise UsageError(f"there is no experiment {name!r}; did you mean {' or '.join(near)}?")
    try:
        text: dict[str, Any] = yaml.safe_load(path.read_text())
        unknown = set(text) - KEYS
        if unknown:
            raise UsageError(f"{path} has the unknown keys {sorted(unknown)}; known are {sorted(KEYS)}.")
        if not text["arms"] or not text["seeds"]:
            raise UsageError(f"{path} needs at least one arm and one seed.")
        return Experiment(
            name=path.parent.resolve().name,
            title=text["title"],
            claim=text.get("claim", ""),
            source=text.get("source", ""),
            common=tuple(text.get("common", ())),
            seeds=tuple(text["seeds"]),
            arms={arm: tuple(words or ()) for arm, words in text["arms"].items()},
            fast=tuple(text.get("fast", ())),
            reference=_reference(text, path),
        )
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no description of an experiment ({error!r}).") from error


def _reference(text: Mapping[str, Any], path: Path) -> Reference | None:
    """Return what `reference`, `metric` and `margin` say: `reference` is an arm, or `{arm: ..., rate: ...}`."""
    named = text.get("reference")
    if named is None:
        if how := sorted({"metric", "margin"} & set(text)):
            raise UsageError(f"{path} sets {' and '.join(how)} but no reference to compare the arms with.")
        return None
    named = {"arm": named} if isinstance(named, str) else dict(named)
    if unknown := set(named) - {"arm", "rate"}:
        raise UsageError(f"{path}: reference has the unknown keys {sorted(unknown)}; known are arm and rate.")
    arm, rate, margin = named["arm"], named.get("rate"), text.get("margin", Reference.margin)
    if arm not in text["arms"]:
        near = get_close_matches(str(arm), text["arms"], n=3) or list(text["arms"])
        raise UsageError(f"{path}: the reference {arm!r} is no arm; did you mean {' or '.join(near)}?")
    for name, value in (("reference.rate", rate), ("margin", margin)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0):
            raise UsageError(f"{path}: {name} is {value!r}; it must be a number, 0 or above.")
    # Statistics take a while to import, and few commands need them.
    from cadc.evaluation.statistics.measures import measure

    try:
        metric = measure(str(text.get("metric", Reference.metric))).name
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    return Reference(arm, None if rate is None else float(rate), metric, float(margin))
