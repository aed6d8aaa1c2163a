"""What the words of a command and the texts of configuration files may hold, checked before anything is filled in.

OmegaConf would call functions (`${oc.env:HOME}`) and follow names without bounds; here a text may name another key
(`${seed}`) and nothing else, and every size has a limit that no honest configuration reaches.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cadc.errors import UsageError, shown

MAX_LENGTH = 20_000
"""Characters of a word."""
MAX_DEPTH = 20
"""Brackets inside brackets, and dots in a key."""
MAX_CHAIN = 50
"""Keys that lead to each other by interpolation."""
MAX_FILLED_IN = 100_000
"""Characters and values of a configuration once its interpolations are filled in."""

NAME = r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*"
INTERPOLATION = re.compile(rf"\$\{{({NAME})\}}")


def check_override(word: str) -> None:
    """Raise a UsageError for a word that no parser should see: huge, deeply nested, or with a call in it."""
    if len(word) > MAX_LENGTH:
        raise UsageError(f"the word {shown(word)} has {len(word)} characters; at most {MAX_LENGTH} are read.")
    check_text(word, f"the word {shown(word)}")
    depth = deepest = 0
    for character in word:
        depth += (character in "[{(") - (character in "]})")
        deepest = max(deepest, depth)
    if max(deepest, word.partition("=")[0].count(".")) > MAX_DEPTH:
        raise UsageError(f"the word {shown(word)} is nested more than {MAX_DEPTH} deep; no option is.")


def check_text(text: str, where: str) -> None:
    """Raise a UsageError for an interpolation that is anything but the plain name of a key.

    Parameters
    ----------
    text : of a word or a file.
    where : how a sentence about it starts.
    """
    for start in (match.start() for match in re.finditer(r"\$\{", text)):
        if INTERPOLATION.match(text, start) is None or text[:start].endswith("\\"):
            raise UsageError(
                f"{where} holds {shown(text[start : start + 60])}; only the name of another key, such as ${{seed}}, "
                "can stand there: nothing is called, read from the environment or escaped."
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
    """Raise a UsageError for interpolations that name no key, go in circles or grow without bounds.

    Parameters
    ----------
    tree : a configuration whose interpolations are not filled in yet.
    """
    if (total := _Sizes(tree).of(tree, ())) > MAX_FILLED_IN:
        raise UsageError(f"the interpolations fill in more than {MAX_FILLED_IN} characters ({total}); write less.")


class _Sizes:
    """Sizes of the values of a tree once filled in, each counted once however often it is named."""

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
            raise UsageError(f"the interpolations go in circles ({' → '.join((*chain, name))}); give one a value.")
        if len(chain) >= MAX_CHAIN:
            raise UsageError(f"the interpolation ${{{name}}} stands behind {MAX_CHAIN} others; name the value itself.")
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
                raise UsageError(f"the interpolation ${{{name}}} names no key; `cadc train --dry-run` shows all keys.")
        return node
