"""Access to nested mappings of records, whatever a damaged record holds in their place."""

from collections.abc import Iterator, Mapping
from typing import Any


def part(record: Any, name: str) -> Mapping[str, Any]:
    """Return a part of a record; nothing where it is missing or of a wrong type."""
    found = record.get(name) if isinstance(record, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def leaves(value: Any) -> dict[str, Any]:
    """Return what is no mapping by its path joined by dots.

    >>> leaves({"a": {"b": 1, "c": {}}, "d": [2]})
    {'a.b': 1, 'd': [2]}
    """
    return dict(_leaves(value, "")) if isinstance(value, Mapping) else {}


def _leaves(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def depth(value: Any) -> int:
    """Return how deep mappings and lists are nested."""
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
