"""Nested mappings of configurations and records: parts, leaves and depth."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any


def part(node: Any, name: str) -> Mapping[str, Any]:
    """Return a mapping inside another; empty if it is missing, or one of the two is not a mapping.

    >>> part({"cost": {"train_s": 1.0}}, "cost"), part({"cost": 5}, "cost")
    ({'train_s': 1.0}, {})
    """
    found = node.get(name) if isinstance(node, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def leaves(value: Any, is_leaf: Callable[[Mapping[str, Any]], bool] = lambda node: False) -> dict[str, Any]:
    """Return the values in nested mappings, by their path joined by dots; empty mappings have none.

    Parameters
    ----------
    value : nested mappings; any other value has no leaves.
    is_leaf : whether a mapping is a leaf itself.

    >>> leaves({"a": {"b": 1, "c": {}}, "d": [2]})
    {'a.b': 1, 'd': [2]}
    """
    return dict(_leaves(value, "", is_leaf)) if isinstance(value, Mapping) else {}


def _leaves(
    node: Mapping[str, Any], prefix: str, is_leaf: Callable[[Mapping[str, Any]], bool]
) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping) and not is_leaf(value):
            yield from _leaves(value, f"{prefix}{key}.", is_leaf)
        else:
            yield f"{prefix}{key}", value


def depth(value: Any) -> int:
    """Return the number of nested mappings and lists, without recursion.

    >>> depth(1), depth([]), depth({"a": [1]})
    (0, 0, 2)
    """
    levels, inside = 0, [value]
    while inside:
        inside = [
            item
            for outer in inside
            if isinstance(outer, Mapping | list)
            for item in (outer.values() if isinstance(outer, Mapping) else outer)
        ]
        levels += 1
    return levels - 1
