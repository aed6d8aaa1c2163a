"""From words to the settings of a tuning: `tune=NAME` or `tune=FILE.yaml`, then `tune.KEY=VALUE`."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from cadc.configuration.components import TARGET, build
from cadc.configuration.compose import compose_config
from cadc.configuration.groups import files_of
from cadc.configuration.override_text import words_of
from cadc.configuration.overrides import parse_words
from cadc.configuration.safe_yaml import load_yaml
from cadc.configuration.settings import check, used_groups
from cadc.errors import UsageError
from cadc.ledger.identity import signature
from cadc.tuning.tuning import Tuning

GROUP = "tune"
STORAGE = f"{GROUP}.storage"


def compose_tuning(words: Sequence[str]) -> tuple[Tuning, list[str]]:
    """Return the settings that words ask for, and the other words.

    Raises
    ------
    UsageError : for a file or option that does not exist, or values that make no sense.
    """
    # Addresses hold signs that mean something in a word, and a password that no message may repeat.
    addresses = [word for word in words if word.lstrip("+").startswith(f"{STORAGE}=")]
    others = [word for word in words if word not in addresses]
    parsed = list(zip(parse_words(others), others, strict=True))
    own = [(override, word) for override, word in parsed if _key(override).split(".")[0] == GROUP]
    for override, word in own:
        if override.is_sweep_override():
            raise UsageError(f"{word} gives several values; a list is written [a,b].")
    names = [str(override.value()) for override, _ in own if _key(override) == GROUP]
    node = _read(names[-1] if names else "default")
    for override, word in own:
        if _key(override) != GROUP:
            _set(node, _key(override).split(".")[1:], override.value(), word)
    for word in addresses:
        text = word.partition("=")[2]
        node["storage"] = None if text == "null" else text.strip("'\"")
    _refuse_interpolations(node)
    tuning = build(node, GROUP)
    if not isinstance(tuning, Tuning):
        raise UsageError(f"{node[TARGET]} does not tune.")
    return tuning, [word for override, word in parsed if _key(override).split(".")[0] != GROUP]


def _key(override: Any) -> str:
    return str(override.key_or_group)


def check_space(tuning: Tuning, words: Sequence[str]) -> None:
    """Raise a UsageError where a key or an end of the search space is none of the configuration, or changes nothing.

    Parameters
    ----------
    tuning : its settings.
    words : that all trials have in common.
    """
    ends = {key: _ends(distribution) for key, distribution in tuning.distributions.items()}
    first = {key: values[0] for key, values in ends.items()}
    if "evaluate" in first:
        raise UsageError("tune.space.evaluate is not for tuning, whose trials read validation data alone.")
    configs = {
        key: [_composed(words, first | {key: value}, f"tune.space.{key}") for value in values]
        for key, values in ends.items()
    }
    used = {group for found in configs.values() for config in found for group in used_groups(config)}
    choices = next(iter(configs.values()))[0]["choices"]
    groups_vary = bool(set(choices) & set(first))
    for key, found in configs.items():
        group = key.partition(".")[0]
        # Where trials choose among components, an option may belong to another than the first.
        is_used = group in (*used, "data") if groups_vary and key not in choices else False
        if len(found) > 1 and not is_used and len(set(map(signature, found))) == 1:
            unused = group in choices and group not in (*used, "data")
            why = f": this model and initializer use no {group}" if unused else ""
            raise UsageError(f"tune.space.{key} changes nothing{why}.")


def _composed(words: Sequence[str], values: Mapping[str, Any], where: str) -> dict[str, Any]:
    own = words_of(values)
    try:
        for override in parse_words(own):
            if override.is_sweep_override():
                raise UsageError(f"{override.input_line} would be several values.")
        config = compose_config([*words, *own])
        check(config)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    return config


def _ends(distribution: BaseDistribution) -> list[Any]:
    """Return what stands for a distribution: its choices, or its ends."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return [distribution.low] if distribution.single() else [distribution.low, distribution.high]


def space_of(space: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a search space, that of an option of the group `tune` where it is named.

    Raises
    ------
    UsageError : where there is no such option, or it holds no search space.
    """
    found = _read(space).get("space") if isinstance(space, str) else space
    if not isinstance(found, Mapping) or not found:
        raise UsageError(f"{space} holds no search space.")
    return found


def _read(name: str) -> dict[str, Any]:
    known = files_of(GROUP)
    if name.endswith((".yaml", ".yml")):
        # A file of one's own says what differs from the default, and what is searched.
        return _load(known["default"]) | {"space": None} | _load(Path(name))
    if name not in known:
        near = " or ".join(f"{GROUP}={other}" for other in get_close_matches(name, known, n=3) or sorted(known))
        raise UsageError(f"{GROUP}={name} does not exist; did you mean {near}? A file of your own ends in .yaml.")
    return _load(known[name])


def _load(path: Path) -> dict[str, Any]:
    node = load_yaml(path)
    if not isinstance(node, Mapping):
        raise UsageError(f"{path} holds no settings of a tuning; see conf/{GROUP}/default.yaml.")
    return dict(node)


def _set(node: dict[str, Any], path: Sequence[str], value: Any, word: str) -> None:
    for name in path[:-1]:
        if not isinstance(node.setdefault(name, {}), dict):
            raise UsageError(f"{word} leads into {name}, which holds no keys.")
        node = node[name]
    node[path[-1]] = value


def _refuse_interpolations(node: Any) -> None:
    for text in _texts(node):
        if "${" in text:
            raise UsageError(f"the settings of a tuning hold {text!r}; write the value itself.")


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            # The address of a database is checked where it is taken apart.
            if key != "storage":
                yield from (*_texts(key), *_texts(value))
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
    elif isinstance(node, str):
        yield node
