"""How the arms of an experiment are tuned: the key `tune` of `experiment.yaml`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from cadc.configuration.casting import cast
from cadc.errors import UsageError, shown

Pruner: TypeAlias = Literal["median", "quartile", "hyperband", "none"]


@dataclass(frozen=True)
class Tune:
    """How the arms of an experiment are tuned: all with the same trials or seconds at most, on validation data alone.

    The current settings are the first trial.

    Parameters
    ----------
    spaces : by arm, an option of `conf/tune`, a search space, or a list of these, of which the last counts for a leaf;
        an arm without one is not tuned. An arm ignores the keys of groups that it does not use, and of options that its
        components do not have.
    after : by arm, another arm that is tuned first and whose settings are kept. A network then shares the
        factorisation of its control, which isolates what the network adds. Its trials add to those of the other arm,
        whose seconds count as its own.
    like : by arm, another arm whose settings it takes over, at the same points, instead of a study of its own.
    trials : of every study, at most.
    seconds : of every study, at most; no trial begins after them. None sets no limit.
    repeats : runs of each trial, with consecutive seeds; their mean is its value.
    metric : of a record, such as `val/logloss`; None takes the first metric of the experiment, on validation.
    seed : of sample and weights; differs from the seeds of the table.
    split_seed : of the split; None takes that of the table's first seed, so that no trial reads a row that is
        tested under that split. Under the random splits of the other seeds trials have read rows that are tested there.
    per_rate : whether each sampling rate is tuned separately; else the middle rate is tuned for all.
    pruner : stops bad trials early, see `cadc.tuning.tuning.Tuning`.
    """

    spaces: Mapping[str, Any]
    after: Mapping[str, str] = field(default_factory=dict)
    like: Mapping[str, str] = field(default_factory=dict)
    trials: int = 20
    seconds: float | None = None
    repeats: int = 1
    metric: str | None = None
    seed: int = 1000
    split_seed: int | None = None
    per_rate: bool = True
    pruner: Pruner = "median"

    @classmethod
    def read(cls, node: Any, arms: Collection[str], where: str) -> "Tune":
        """Return the content of the key `tune` of an `experiment.yaml`.

        Parameters
        ----------
        node : the key `space`, for all arms or by arm, and those of `after`, `like` and `OPTIONS` that differ from the
            default.
        arms : names of all arms.
        where : file and key, for messages.

        Raises
        ------
        UsageError : for an unknown key or an invalid value.
        """
        if not isinstance(node, Mapping) or "space" not in node or not set(node) <= {"space", *BY_ARM, *OPTIONS}:
            known = ", ".join([*BY_ARM, *OPTIONS])
            raise UsageError(f"{where} is {shown(node)}; expected the key space, and optionally {known}.")
        space = node["space"]
        if not _is_space(space):
            raise UsageError(
                f"{where}.space is {shown(space)}; expected an option of conf/tune, a search space, or a list of these."
            )
        spaces: Mapping[str, Any] = dict.fromkeys(arms, space)
        if isinstance(space, Mapping) and any(key in arms for key in space):
            if unknown := [shown(key) for key in space if key not in arms]:
                raise UsageError(
                    f"{where}.space has {', '.join(unknown)}, which is not an arm; the arms are {', '.join(arms)}."
                )
            for arm, own in space.items():
                if not _is_space(own):
                    raise UsageError(
                        f"{where}.space.{arm} is {shown(own)}; expected an option of conf/tune, a search space, or a "
                        "list of these."
                    )
            spaces = space
        given = {key: cast(node[key], kind, f"{where}.{key}") for key, kind in OPTIONS.items() if key in node}
        after, like = (node.get(name) or {} for name in BY_ARM)
        for name, found in zip(BY_ARM, (after, like), strict=True):
            if not isinstance(found, Mapping):
                raise UsageError(f"{where}.{name} is {shown(found)}; expected {{arm: another arm}}.")
        spaces = {arm: own for arm, own in spaces.items() if arm not in like}
        for arm, other in like.items():
            if arm not in arms or other not in spaces:
                wrong = (
                    f"{shown(arm)}, which is not an arm" if arm not in arms else f"{shown(other)}, which is not tuned"
                )
                raise UsageError(f"{where}.like names {wrong}; correct the name, or give it a search space.")
        for arm, below in after.items():
            if arm not in spaces or below not in spaces:
                unknown_arm = shown(below if arm in spaces else arm)
                raise UsageError(f"{where}.after names {unknown_arm}, which is not tuned; give it a search space.")
            if below in after:
                raise UsageError(
                    f"{where}.after: {arm} comes after {below}, which comes after another arm; name that one."
                )
        for name in ("trials", "repeats"):
            if given.get(name, 1) < 1:
                raise UsageError(f"{where}.{name} is {given[name]}; it must be at least 1.")
        seconds = given.get("seconds")
        if seconds is not None and not seconds > 0:
            raise UsageError(f"{where}.seconds is {seconds:g}; it must be above 0.")
        return cls(spaces, after, like, **given)

    def only(self, arms: Collection[str]) -> "Tune":
        """Return the tuning of some of the arms.

        Raises
        ------
        UsageError : for an arm that is tuned after an arm that is not among them.
        """
        after = {arm: below for arm, below in self.after.items() if arm in arms}
        for arm, below in after.items():
            if below not in arms:
                raise UsageError(f"{arm} is tuned after {below}; add --arm '{below}'.")
        like = {arm: other for arm, other in self.like.items() if arm in arms or other in arms}
        for arm, other in like.items():
            if other not in arms:
                raise UsageError(f"{arm} takes over the settings of {other}; add --arm '{other}'.")
        spaces = {arm: space for arm, space in self.spaces.items() if arm in arms}
        return replace(self, spaces=spaces, after=after, like=like)


BY_ARM = ("after", "like")
"""Keys of `tune` that name another arm for some arms."""


def _is_space(node: Any) -> bool:
    if isinstance(node, list):
        return bool(node) and not any(isinstance(part, list) for part in node) and all(map(_is_space, node))
    return isinstance(node, str | Mapping) and bool(node)


OPTIONS: dict[str, Any] = {
    "trials": int,
    "seconds": float | None,
    "repeats": int,
    "metric": str | None,
    "seed": int,
    "split_seed": int | None,
    "per_rate": bool,
    "pruner": Pruner,
}
"""Keys of `tune` beside `space` and `BY_ARM`, and their types."""
