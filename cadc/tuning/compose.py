"""Settings of a tuning from overrides: `tune=NAME` or `tune=FILE.yaml`, then `tune.KEY=VALUE`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from cadc.configuration.components import Component
from cadc.configuration.from_files import OF_A_TUNING, require_space_for_files
from cadc.configuration.groups import files_of
from cadc.configuration.override_text import to_overrides
from cadc.configuration.overrides import parse_overrides
from cadc.configuration.safe_yaml import load_yaml
from cadc.configuration.suggestions import nearest
from cadc.errors import UsageError
from cadc.evaluation.prefixes import VALIDATION
from cadc.ledger.identity import signature
from cadc.paths import user_path
from cadc.pipeline.compatibility import require_compatible
from cadc.pipeline.settings import Settings
from cadc.tuning.space import options_of
from cadc.tuning.swept_space import space_of_swept, split_swept
from cadc.tuning.tuning import Tuning

GROUP = "tune"
STORAGE = f"{GROUP}.storage"
SPACES = {"ctr": "reference", "ranking": "ranking_reference"}
"""Search space that suits a task."""


def compose_tuning(overrides: Sequence[str]) -> tuple[Tuning, list[str]]:
    """Return the settings of a tuning, and the overrides that do not belong to the group `tune`.

    Raises
    ------
    UsageError : for a file or option that does not exist, or an invalid value.
    """
    # An address holds characters that Hydra would interpret, and a password that no message may repeat.
    addresses = [text for text in overrides if text.lstrip("+").startswith(f"{STORAGE}=")]
    others = [text for text in overrides if text not in addresses]
    parsed = list(zip(parse_overrides(others), others, strict=True))
    own = [(override, text) for override, text in parsed if _key(override).split(".")[0] == GROUP]
    for override, text in own:
        if override.is_sweep_override():
            raise UsageError(f"{text} gives several values; write a list as [a,b].")
    names = [str(override.value()) for override, _ in own if _key(override) == GROUP]
    node = _read(names[-1] if names else "default")
    single, swept = split_swept([text for override, text in parsed if _key(override).split(".")[0] != GROUP])
    if swept:
        # Beside a space that was chosen, these keys are searched, too; alone, they are the space.
        node["space"] = (options_of(node["space"]) if names else {}) | space_of_swept(swept, single)
    for override, text in own:
        if _key(override) != GROUP:
            _set(node, _key(override).split(".")[1:], override.value(), text)
    for text in addresses:
        address = text.partition("=")[2]
        node["storage"] = None if address == "null" else address.strip("'\"")
    _refuse_interpolations(node)
    tuning = Component.read(node, GROUP, Tuning).build()
    return tuning, single


def _key(override: Any) -> str:
    return str(override.key_or_group)


def check_space(tuning: Tuning, overrides: Sequence[str]) -> None:
    """Raise a UsageError for a key or end of the search space that is not valid, or changes nothing.

    Parameters
    ----------
    tuning : its settings.
    overrides : common to all trials.
    """
    keys = {key for own in tuning.keys.values() for key in own}
    require_space_for_files(keys, "tune.space")
    if "evaluate" in keys:
        raise UsageError("tune.space has the key evaluate, but trials only read validation data; remove it.")
    ends = {leaf: _ends(distribution) for leaf, distribution in tuning.distributions.items()}
    first = {leaf: values[0] for leaf, values in ends.items() if not tuning.depends(leaf)}
    trials = {leaf: _trials(leaf, values, first, ends, tuning, overrides) for leaf, values in ends.items()}
    _require_one_task(tuning, Settings.compose(list(overrides)), trials)
    used = {group for found in trials.values() for settings in found for group in settings.uses}
    choices = next(iter(trials.values()))[0].config["choices"]
    for leaf, found in trials.items():
        group = leaf.partition(".")[0]
        # If trials choose the component, an option may belong to another component than the first.
        is_used = bool(tuning.components) and group in (*used, "data") and leaf not in choices
        if len(found) > 1 and not is_used and len(set(map(signature, found))) == 1:
            unused = group in choices and group not in (*used, "data")
            why = f" (this model and initializer do not use the group {group})" if unused else ""
            raise UsageError(f"tune.space.{leaf} changes nothing{why}; remove it.")


def _require_one_task(tuning: Tuning, current: Settings, trials: Mapping[str, Sequence[Settings]]) -> None:
    """Raise a UsageError if trials of another task than the current settings lack the metric that is tuned."""
    if not any(name.startswith(VALIDATION) for name in tuning.metrics):
        return
    for leaf, found in trials.items():
        for settings in found:
            if settings.task != current.task:
                said = [f"model={own.config['choices']['model']} (task={own.task})" for own in (current, settings)]
                raise UsageError(
                    f"tune.space.{leaf}: the current settings have {said[0]}, but this space chooses {said[1]}, whose "
                    f"validation has other metrics; choose another space, such as tune={SPACES[current.task]}, or "
                    "another model."
                )


def _trials(
    leaf: str,
    values: Sequence[Any],
    first: Mapping[str, Any],
    ends: Mapping[str, Sequence[Any]],
    tuning: Tuning,
    overrides: Sequence[str],
) -> list[Settings]:
    """Return the settings of a trial for each end of a leaf, below the first component that has the option."""
    group = leaf.partition(".")[0]
    choosing = [name for name in first if tuning.depends(leaf) and group in tuning.keys[name]]
    belows = [{**first, name: value} for name in choosing for value in ends[name]] or [dict(first)]
    for place, below in enumerate(belows):
        try:
            return [
                _composed(overrides, tuning.settings_of({**below, leaf: value}), f"tune.space.{leaf}")
                for value in values
            ]
        except UsageError:
            if place == len(belows) - 1:
                raise
    raise AssertionError("there is at least one")


def _composed(overrides: Sequence[str], values: Mapping[str, Any], where: str) -> Settings:
    own = to_overrides(values)
    try:
        for override in parse_overrides(own):
            if override.is_sweep_override():
                raise UsageError(f"{override.input_line} gives several values; expected one.")
        settings = Settings.compose([*overrides, *own])
        require_compatible(settings)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    return settings


def _ends(distribution: BaseDistribution) -> list[Any]:
    """Return the choices of a distribution, or its ends."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return [distribution.low] if distribution.single() else [distribution.low, distribution.high]


def space_of(space: str | Sequence[str | Mapping[str, Any]] | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a search space, that of the option of the group `tune` with this name, or several of these together.

    Raises
    ------
    UsageError : if there is no such option, or it has no search space.
    """
    if isinstance(space, list):
        # Of a leaf that several have, the last counts.
        return {key: leaf for part in space for key, leaf in options_of(space_of(part)).items()}
    found = _read(space).get("space") if isinstance(space, str) else space
    if not isinstance(found, Mapping) or not found:
        raise UsageError(f"{space} has no search space; add the key space.")
    return found


def _read(name: str) -> dict[str, Any]:
    known = files_of(GROUP)
    if name.endswith((".yaml", ".yml")):
        # A user's file holds the search space and what differs from the default.
        return _load(known["default"]) | {"space": None} | _of_a_user(user_path(name), _load(known["default"]))
    if name not in known:
        near = " or ".join(f"{GROUP}={other}" for other in nearest(name, known) or sorted(known))
        raise UsageError(f"{GROUP}={name} does not exist; did you mean {near}? A file of your own ends in .yaml.")
    return _load(known[name])


def _of_a_user(path: Path, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in a user's file, which names neither a database nor processes or classes."""
    node = _load(path)
    for key, value in node.items():
        if key not in OF_A_TUNING and key in defaults and value != defaults[key]:
            raise UsageError(
                f"{path} sets {key}, which a file may not set; give {GROUP}.{key}=... on the command line instead."
            )
    return node


def _load(path: Path) -> dict[str, Any]:
    node = load_yaml(path)
    if not isinstance(node, Mapping):
        raise UsageError(f"{path} does not hold keys and values; see conf/{GROUP}/default.yaml.")
    return dict(node)


def _set(node: dict[str, Any], path: Sequence[str], value: Any, override: str) -> None:
    for name in path[:-1]:
        if not isinstance(node.setdefault(name, {}), dict):
            raise UsageError(f"{override} sets a key inside {name}, which has no keys.")
        node = node[name]
    node[path[-1]] = value


def _refuse_interpolations(node: Any) -> None:
    for text in _texts(node):
        if "${" in text:
            raise UsageError(f"the settings of the tuning hold the interpolation {text!r}; write the value itself.")


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            # The address of a database is checked where it is parsed.
            if key != "storage":
                yield from (*_texts(key), *_texts(value))
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
    elif isinstance(node, str):
        yield node
