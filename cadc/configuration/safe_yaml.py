"""YAML files as plain data: texts, numbers, lists and dictionaries, without tags and aliases."""

from pathlib import Path
from typing import Any

import yaml

from cadc.errors import UsageError, reason
from cadc.paths import regular_file

MAX_BYTES = 100_000
MAX_DEPTH = 20


def load_yaml(path: Path) -> Any:
    """Read a YAML file.

    Aliases, by which a kilobyte can expand to a terabyte, and tags, which can build objects, are rejected.

    Raises
    ------
    UsageError : for a file that cannot be read, is too large, nested too deeply or not YAML, or has tags or aliases.
    """
    try:
        with regular_file(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {reason(error)}.") from error
    if len(content) > MAX_BYTES:
        raise UsageError(f"{path} has more than {MAX_BYTES} bytes; at most that many are read.")
    try:
        text = content.decode()
        _require_plain(text, path)
        return yaml.load(text, Loader=_Loader)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text in UTF-8: {error.reason} at byte {error.start}.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{where} is not valid YAML: {error.problem or error.context}.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{path} is not valid YAML: {str(error).splitlines()[0]}.") from error


def _require_plain(text: str, path: Path) -> None:
    """Reject tags, aliases and deep nesting from the parser's events, before any value is built."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        where = f"{path}, line {getattr(event.start_mark, 'line', 0) + 1}"
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise UsageError(f"{where}: lists and keys are nested more than {MAX_DEPTH} levels deep; use fewer.")
        if isinstance(event, yaml.AliasEvent):
            raise UsageError(f"{where}: *{event.anchor} repeats another part of the file; write that part out.")
        if (tag := getattr(event, "tag", None)) is not None:
            raise UsageError(f"{where}: the tag {tag} is not supported; write a plain value.")


class _Loader(yaml.SafeLoader):
    """Rejects duplicate keys, of which YAML would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            problem = None
            if not isinstance(key, yaml.ScalarNode):
                problem = "a key is not a text"
            elif key.value in seen:
                problem = f"the key {key.value} is duplicated"
            if problem:
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)
