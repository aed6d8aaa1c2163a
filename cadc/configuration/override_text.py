"""Overrides as text, `key=value`: formatted from values, and read from files (`@best.yaml`)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cadc.configuration.safe_yaml import load_yaml
from cadc.errors import UsageError
from cadc.paths import user_path


def format_value(value: Any) -> str:
    """Return a value as an override writes it, after `key=`.

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
    """Return the overrides that set these values, by key.

    >>> to_overrides({"seed": 1, "model.top_mlp": [64, 32]})
    ['seed=1', 'model.top_mlp=[64,32]']
    """
    return [f"{key}={format_value(value)}" for key, value in values.items()]


def to_values(overrides: Sequence[str]) -> dict[str, Any]:
    """Return the values that overrides set, by key: the inverse of `to_overrides`. The last of several counts.

    >>> to_values(["trainer.learning_rate=1e-4", "model.top_mlp=[64,32]", "seed=007"])
    {'trainer.learning_rate': 0.0001, 'model.top_mlp': [64, 32], 'seed': '007'}
    """
    return {key: _value(text) for key, _, text in (override.partition("=") for override in overrides)}


def _value(text: str) -> Any:
    """Return the number, list or the like that an override sets by a text; the text itself where it sets a text."""
    from cadc.configuration.overrides import parse_overrides

    def parsed(text: str) -> Any:
        return parse_overrides([f"key={text}"])[0].value()

    try:
        value = parsed(text)
        # A list whose texts need their quotes stays as it is written.
        is_plain = _is_value(value) and not isinstance(value, str)
        return value if is_plain and (not isinstance(value, list) or parsed(format_value(value)) == value) else text
    except UsageError:
        return text


def expand_files(overrides: Sequence[str]) -> list[str]:
    """Return overrides with each `@FILE` replaced by those in the file.

    Raises
    ------
    UsageError : for a file that cannot be read, or does not hold keys and values.
    """
    found: list[str] = []
    for override in overrides:
        found += _read(user_path(override[1:])) if override.startswith("@") else [override]
    return found


def _read(path: Path) -> list[str]:
    from cadc.configuration.from_files import require_overrides_for_files

    values = load_yaml(path)
    if not isinstance(values, dict) or not all(_is_key(k) and _is_value(v) for k, v in values.items()):
        raise UsageError(f"{path} does not hold overrides; write lines such as sampler.rate: 0.1, a key and its value.")
    found = to_overrides({key: _quoted(value) for key, value in values.items()})
    require_overrides_for_files(found, str(path), tuning=True)
    return found


def _is_key(key: Any) -> bool:
    return isinstance(key, str) and "=" not in key


def _quoted(value: Any) -> Any:
    """Return a value with texts in quotes that an override would read as a number, a boolean or null."""
    if isinstance(value, list):
        return [_quoted(item) for item in value]
    return f"'{value}'" if isinstance(value, str) and value and not isinstance(_value(value), str) else value


def _is_value(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_value(item) and not isinstance(item, list) for item in value)
    return value is None or isinstance(value, bool | int | float | str)
