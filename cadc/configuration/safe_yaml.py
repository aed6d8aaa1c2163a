"""YAML as plain data: texts, numbers, lists and dictionaries, without tags and aliases.

A plain value means what it means in an override, `key=value`: `5e2` and `1_000` are numbers; `no`, `on`, `007`, `0x1F`,
`1:30` and dates are texts (as in YAML 1.2, not 1.1); only `true`, `false`, `null`, `~` and an empty value are none.
"""

import re
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
        text = content.decode("utf-8-sig")
        _require_plain(text, path)
        return parse_yaml(text)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text in UTF-8: {error.reason} at byte {error.start}.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{where} is not valid YAML: {error.problem or error.context}.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{path} is not valid YAML: {str(error).splitlines()[0]}.") from error


def parse_yaml(text: str) -> Any:
    """Return the value of a text in YAML.

    Raises
    ------
    yaml.YAMLError : for a text that is not YAML.

    >>> parse_yaml("{a: 5e2, b: no, c: 007, d: null}")
    {'a': 500.0, 'b': 'no', 'c': '007', 'd': None}
    """
    return yaml.load(text, Loader=_Loader)


def dump_yaml(value: Any, width: int = 80) -> str:
    """Return a value as YAML that `load_yaml` reads back; texts that would be something else are quoted.

    Parameters
    ----------
    value : texts, numbers, lists and dictionaries.
    width : of a line, in characters.

    >>> print(dump_yaml({"a": "5e2", "b": "no", "c": 500.0}), end="")
    a: '5e2'
    b: 'no'
    c: 500.0
    """
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width)


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


INTEGER = r"[-+]?(?:0|[1-9](?:_?[0-9])*)"
FRACTION = r"\.[0-9](?:_?[0-9])*"
EXPONENT = r"[eE][-+]?[0-9](?:_?[0-9])*"
PLAIN = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (INTEGER, list("-+0123456789")),
    "float": (
        rf"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|[-+]?{FRACTION}(?:{EXPONENT})?"
        rf"|{INTEGER}(?:(?:{FRACTION}|\.)(?:{EXPONENT})?|{EXPONENT})",
        list("-+0123456789."),
    ),
}
"""Plain values that are not texts, by tag: what they look like, and their first letters."""


class _Loader(yaml.SafeLoader):
    """Reads plain values as `PLAIN` says; rejects duplicate keys, of which YAML would take the last."""

    yaml_implicit_resolvers: dict[Any, Any] = {}

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


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader`, or another reader of YAML, would not read as the same text."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        # Some of the characters that end a line would be written as they are.
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _Dumper.represent_text)


for _tag, (_pattern, _letters) in PLAIN.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _letters)
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _letters)
