"""Sets keys of composed options as plain values, for the overrides of nearly all runs; Hydra sets the others.

The runs of a grid share most of their options and differ in a few keys. OmegaConf would copy its tree for each run,
which takes 20 ms; plain dictionaries take a tenth of a millisecond.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from hydra.core.override_parser.types import Override

from cadc.configuration.interpolation import INTERPOLATION, check_interpolations
from cadc.configuration.nested import leaves

MISSING = "???"
"""What OmegaConf takes for a value that has to be given."""


def with_keys(tree: Mapping[str, Any], overrides: Sequence[Override]) -> dict[str, Any] | None:
    """Return a copy of a configuration with keys set and interpolations resolved; None if that takes Hydra.

    Parameters
    ----------
    tree : the configuration, interpolations unresolved.
    overrides : of keys, in the order in which they are set.

    Raises
    ------
    UsageError : for an interpolation of an unknown key, or of one without a value of its own.
    """
    found: dict[str, Any] = deepcopy(dict(tree))
    for override in overrides:
        *path, last = str(override.key_or_group).split(".")
        value, node = override.value(), node_at(found, path)
        if node is None or last not in node or isinstance(node[last], dict) or not is_plain(value):
            return None
        node[last] = deepcopy(value)
    texts = [text for text in _texts(found) if "${" in text]
    if texts:
        if not all(INTERPOLATION.fullmatch(text) for text in texts):
            return None
        check_interpolations(found)
        return _resolved(found, found)
    return found


def node_at(tree: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any] | None:
    """Return the dictionary at a path of keys; None if there is none."""
    node: Any = tree
    for name in path:
        node = node.get(name) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else None


def is_plain(value: Any) -> bool:
    """Tell whether a value is a number, a text, true, false, null, or a list of such."""
    if isinstance(value, list):
        return all(is_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and value != MISSING)


def _texts(tree: Mapping[str, Any]) -> list[str]:
    values = [item for value in leaves(tree).values() for item in (value if isinstance(value, list) else [value])]
    return [str(value) for value in values if isinstance(value, str | list)]


def _resolved(node: Any, tree: Mapping[str, Any]) -> Any:
    if isinstance(node, dict):
        return {key: _resolved(value, tree) for key, value in node.items()}
    if isinstance(node, list):
        return [_resolved(item, tree) for item in node]
    match = INTERPOLATION.fullmatch(node) if isinstance(node, str) else None
    if match is None:
        return node
    *path, last = match[1].split(".")
    owner = node_at(tree, path)
    # An interpolation may also name an item of a list.
    return owner[last] if owner is not None else node_at(tree, path[:-1])[path[-1]][int(last)]  # type: ignore[index]
