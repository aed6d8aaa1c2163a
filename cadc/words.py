"""Words that set options, `key=value`: made from values, and read from a file (`@best.yaml`)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cadc.errors import UsageError

MAX_FILE_BYTES = 1 << 20


def text_of(value: Any) -> str:
    """Return a value as it stands after `key=` in a word.

    >>> text_of(None), text_of(True), text_of(0.1), text_of([64, 32]), text_of("mf")
    ('null', 'true', '0.1', '[64,32]', 'mf')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(map(text_of, value))}]"
    return value if isinstance(value, str) else repr(value)


def words_of(values: Mapping[str, Any]) -> list[str]:
    """Return the words that set these values, by key."""
    return [f"{key}={text_of(value)}" for key, value in values.items()]


def with_files(words: Sequence[str]) -> list[str]:
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
    import yaml

    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise UsageError(f"{path} is too long for a file of options.")
        values = yaml.safe_load(content.decode())
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"{path} cannot be read as YAML ({reason}).") from error
    if not isinstance(values, dict) or not all(isinstance(k, str) and _is_value(v) for k, v in values.items()):
        raise UsageError(f"{path} must hold lines such as sampler.rate: 0.1, a key of the configuration and its value.")
    return words_of(values)


def _is_value(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_value(item) and not isinstance(item, list) for item in value)
    return value is None or isinstance(value, bool | int | float | str)
