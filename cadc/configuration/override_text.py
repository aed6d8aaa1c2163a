"""Words that set options, `key=value`: made from values, and read from a file (`@best.yaml`)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cadc.configuration.safe_yaml import load_yaml
from cadc.errors import UsageError


def format_value(value: Any) -> str:
    """Return a value as it stands after `key=` in a word.

    >>> format_value(None), format_value(True), format_value(0.1), format_value([64, 32]), format_value("mf")
    ('null', 'true', '0.1', '[64,32]', 'mf')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(map(format_value, value))}]"
    return value if isinstance(value, str) else repr(value)


def to_overrides(values: Mapping[str, Any]) -> list[str]:
    """Return the words that set these values, by key."""
    return [f"{key}={format_value(value)}" for key, value in values.items()]


def to_values(words: Sequence[str]) -> dict[str, Any]:
    """Return values that `to_overrides` turns into these words again; of several with one key the last counts.

    Numbers, lists and the like are values where they read back as they were written, and texts elsewhere.

    >>> to_values(["trainer.learning_rate=1e-4", "model.top_mlp=[64,32]", "seed=007"])
    {'trainer.learning_rate': '1e-4', 'model.top_mlp': [64, 32], 'seed': '007'}
    """
    return {key: _value(key, text) for key, _, text in (word.partition("=") for word in words)}


def _value(key: str, text: str) -> Any:
    import yaml

    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return text
    return value if _is_value(value) and to_overrides({key: value}) == [f"{key}={text}"] else text


def expand_files(words: Sequence[str]) -> list[str]:
    """Return words with each `@FILE` replaced by those that the file holds.

    Raises
    ------
    UsageError : for a file that cannot be read, or holds anything but values by key.
    """
    found: list[str] = []
    for word in words:
        found += _read(Path(word[1:])) if word.startswith("@") else [word]
    return found


def _read(path: Path) -> list[str]:
    values = load_yaml(path)
    if not isinstance(values, dict) or not all(_is_key(k) and _is_value(v) for k, v in values.items()):
        raise UsageError(f"{path} must hold lines such as sampler.rate: 0.1, a key of the configuration and its value.")
    return to_overrides(values)


def _is_key(key: Any) -> bool:
    return isinstance(key, str) and "=" not in key


def _is_value(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_value(item) and not isinstance(item, list) for item in value)
    return value is None or isinstance(value, bool | int | float | str)
