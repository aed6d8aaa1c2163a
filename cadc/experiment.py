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

KEYS = {"title", "claim", "source", "common", "seeds", "arms", "fast"}


@dataclass(frozen=True)
class Cell:
    """One run of an experiment: an arm at one point of its sweep with one seed."""

    arm: str
    words: tuple[str, ...]


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
    """

    name: str
    title: str
    claim: str
    source: str
    common: tuple[str, ...]
    seeds: tuple[int, ...]
    arms: Mapping[str, tuple[str, ...]]
    fast: tuple[str, ...]

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
        )
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no description of an experiment ({error!r}).") from error
