"""Checks of overrides and configuration files before their interpolations are resolved.

OmegaConf would call functions (`${oc.env:HOME}`) and follow names without bounds. Here an interpolation may only name
another key that has a value of its own (`${seed}`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cadc.errors import UsageError, shown

MAX_DEPTH = 20
"""Nested brackets, for which Hydra's parser takes a time that grows with their square."""

NAME = r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*"
INTERPOLATION = re.compile(rf"\$\{{({NAME})\}}")


def check_override(override: str) -> None:
    """Raise a UsageError for an override that is nested too deeply, or contains a call."""
    check_text(override, f"the override {shown(override)}")
    depth = deepest = 0
    for character in override:
        depth += (character in "[{(") - (character in "]})")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise UsageError(f"the override {shown(override)} is nested more than {MAX_DEPTH} levels deep; no option is.")


def check_text(text: str, where: str) -> None:
    """Raise a UsageError for an interpolation that is not just the name of a key.

    Parameters
    ----------
    text : an override, or a text of a file.
    where : beginning of the message.
    """
    for start in (match.start() for match in re.finditer(r"\$\{", text)):
        if INTERPOLATION.match(text, start) is None or text[:start].endswith("\\"):
            found = shown(text[start : start + 60])
            raise UsageError(
                f"{where} contains {found}; expected the name of another key, such as ${{seed}}: "
                "calls, environment variables and escapes are not supported."
            )


def check_tree(value: Any, where: str) -> None:
    """Check every text and key of nested dictionaries and lists."""
    for text in _texts(value):
        check_text(text, where)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def check_interpolations(tree: Mapping[str, Any]) -> None:
    """Raise a UsageError for an interpolation of an unknown key, or of one without a value of its own.

    Neither chains nor circles can arise so, nor can a short file ask for a long configuration.

    Parameters
    ----------
    tree : a configuration with unresolved interpolations.
    """
    for name in (name for text in _texts(tree) for name in INTERPOLATION.findall(text)):
        value = _value(tree, name)
        if isinstance(value, Mapping | list) or (isinstance(value, str) and "${" in value):
            raise UsageError(
                f"the interpolation ${{{name}}} names {shown(value)}; expected a key with a number or a text of its "
                "own. Write the value itself."
            )


def _value(tree: Mapping[str, Any], name: str) -> Any:
    node: Any = tree
    for part in name.split("."):
        if isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, Mapping) and part in node:
            node = node[part]
        else:
            raise UsageError(
                f"the interpolation ${{{name}}} names an unknown key; `cadc train --dry-run` shows all keys."
            )
    return node
