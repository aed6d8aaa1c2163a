"""From words to the settings of a tuning: `tune=NAME` or `tune=FILE.yaml`, then `tune.KEY=VALUE`."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from cadc.choices import used_groups
from cadc.components import TARGET, build
from cadc.config import compose_config, files_of, parse_words
from cadc.errors import UsageError
from cadc.tuning.tuning import Tuning
from cadc.words import words_of

GROUP = "tune"


def compose_tuning(words: Sequence[str]) -> tuple[Tuning, list[str]]:
    """Return the settings that words ask for, and the other words.

    Raises
    ------
    UsageError : for a file or option that does not exist, or values that make no sense.
    """
    parsed = list(zip(parse_words(words), words, strict=True))
    own = [(override, word) for override, word in parsed if _key(override).split(".")[0] == GROUP]
    names = [str(override.value()) for override, _ in own if _key(override) == GROUP]
    node = _read(names[-1] if names else "default")
    for override, word in own:
        if override.is_sweep_override():
            raise UsageError(f"{word} gives several values; a list is written [a,b].")
        if _key(override) != GROUP:
            _set(node, _key(override).split(".")[1:], override.value(), word)
    tuning = build(node, GROUP)
    if not isinstance(tuning, Tuning):
        raise UsageError(f"{node[TARGET]} does not tune.")
    return tuning, [word for override, word in parsed if _key(override).split(".")[0] != GROUP]


def _key(override: Any) -> str:
    return str(override.key_or_group)


def check_space(tuning: Tuning, words: Sequence[str]) -> None:
    """Raise a UsageError where a key of the search space does not exist, or changes nothing."""
    chosen = {key: next(_some(value)) for key, value in tuning.distributions.items()}
    config = compose_config([*words, *words_of(chosen)])
    groups = set(config["choices"])
    if groups & set(tuning.distributions):
        return  # trials choose among components, and each has options of its own
    for key in tuning.distributions:
        group = key.partition(".")[0]
        if group in groups - {"data"} and group not in used_groups(config):
            raise UsageError(f"tune.space.{key} changes nothing: this model and initializer use no {group}.")


def _some(distribution: Any) -> Any:
    yield from distribution.choices if hasattr(distribution, "choices") else (distribution.low,)


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
    try:
        node = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read as YAML ({str(error).splitlines()[0]}).") from error
    if not isinstance(node, Mapping):
        raise UsageError(f"{path} holds no settings of a tuning; see conf/{GROUP}/default.yaml.")
    return dict(node)


def _set(node: dict[str, Any], path: Sequence[str], value: Any, word: str) -> None:
    for name in path[:-1]:
        if not isinstance(node.setdefault(name, {}), dict):
            raise UsageError(f"{word} leads into {name}, which holds no keys.")
        node = node[name]
    node[path[-1]] = value
