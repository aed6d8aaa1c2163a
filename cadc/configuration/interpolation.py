"""Checks of overrides and configuration files before their interpolations are resolved.

OmegaConf would call functions (`${oc.env:HOME}`) and follow names without bounds. Here an interpolation may only name
another key (`${seed}`), and every size has a limit that no honest configuration reaches.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cadc.errors import UsageError, shown

MAX_LENGTH = 20_000
"""Characters of an override."""
MAX_DEPTH = 20
"""Nested brackets, and dots in a key."""
MAX_CHAIN = 50
"""Keys in a chain of interpolations."""
MAX_FILLED_IN = 100_000
"""Characters and values of a configuration with its interpolations resolved."""

NAME = r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*"
INTERPOLATION = re.compile(rf"\$\{{({NAME})\}}")


def check_override(override: str) -> None:
    """Raise a UsageError for an override that is too long, nested too deeply, or contains a call."""
    if len(override) > MAX_LENGTH:
        raise UsageError(f"{shown(override)} has {len(override)} characters; an override has at most {MAX_LENGTH}.")
    check_text(override, f"the override {shown(override)}")
    depth = deepest = 0
    for character in override:
        depth += (character in "[{(") - (character in "]})")
        deepest = max(deepest, depth)
    if max(deepest, override.partition("=")[0].count(".")) > MAX_DEPTH:
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
    """Raise a UsageError for interpolations of unknown keys, in circles, or with too large results.

    Parameters
    ----------
    tree : a configuration with unresolved interpolations.
    """
    if (total := _Sizes(tree).of(tree, ())) > MAX_FILLED_IN:
        raise UsageError(f"the interpolations yield {total} characters, more than {MAX_FILLED_IN}; shorten the values.")


class _Sizes:
    """Sizes of the values of a tree with interpolations resolved, each computed once."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self.tree = tree
        self.known: dict[str, int] = {}

    def of(self, value: Any, chain: tuple[str, ...]) -> int:
        if isinstance(value, str):
            return len(value) + sum(self.of_key(name, chain) for name in INTERPOLATION.findall(value))
        if isinstance(value, Mapping):
            return sum(1 + self.of(item, chain) for item in value.values())
        if isinstance(value, list):
            return sum(1 + self.of(item, chain) for item in value)
        return 1

    def of_key(self, name: str, chain: tuple[str, ...]) -> int:
        if name in chain:
            raise UsageError(f"interpolations are circular ({' → '.join((*chain, name))}); give one of them a value.")
        if len(chain) >= MAX_CHAIN:
            raise UsageError(f"the interpolation ${{{name}}} ends a chain of {MAX_CHAIN}; write the value itself.")
        if name not in self.known:
            self.known[name] = self.of(self._value(name), (*chain, name))
        return self.known[name]

    def _value(self, name: str) -> Any:
        node: Any = self.tree
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
