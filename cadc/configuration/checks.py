"""Checks whole configurations, composed or from records: their groups, the options of each component, and seeds."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

from cadc.configuration.casting import cast
from cadc.configuration.components import TARGET, options_of
from cadc.configuration.groups import groups
from cadc.errors import UsageError

COMPONENTS_OF_DATA = ("split", "transform")
"""Components inside the group `data`."""

BESIDE_SOURCE = (*COMPONENTS_OF_DATA, "split_seed")
"""Keys of the group `data` that are no options of its source."""

BESIDE_OPTIONS = {"data": BESIDE_SOURCE, "trainer": ("callbacks",)}
"""Keys of groups that are no options of the class that the group chooses."""

VIEWS, CALLBACKS = "views", "trainer/callbacks"
LISTS = (VIEWS, CALLBACKS)
"""Groups of which a run takes a list of options, each under its own name."""

POLICY = "policy"
OF_STREAMS = (POLICY, "stream")
"""Groups that records from before there were streams lack; without a policy a run is none."""

SEEDS = ("seed", "sample_seed", "weight_seed")

BESIDE_GROUPS: dict[str, Any] = {
    "seed": int,
    "sample_seed": int | None,
    "weight_seed": int | None,
    "threads": int,
    "evaluate": Literal["test", "validation"],
    "energy": bool,
    "task": Literal["auto", "ctr", "ranking"],
    "factorization_rows": Literal["full", "complement", "crossfit"],
    "factorization_unit": Literal["row", "pair"],
    "factorization_folds": int,
}
"""Keys beside the groups, and their types."""


def check_config(config: Mapping[str, Any], unchecked: Collection[str] = ()) -> dict[str, Any]:
    """Return a configuration, composed or from a record, with every option checked and seeds as whole numbers.

    Parameters
    ----------
    config : groups, seeds and the keys beside them.
    unchecked : groups that may be missing, or name classes that no longer exist.

    Raises
    ------
    UsageError : for a missing group or seed, an unknown key, or an invalid value.
    """
    known = [group for group in groups() if "/" not in group and group != VIEWS]
    missing = [key for key in (*known, *SEEDS) if key not in config and key not in (*unchecked, *OF_STREAMS)]
    if missing:
        raise UsageError(f"the configuration lacks {', '.join(missing)}; add them.")
    checked = dict(config)
    for key, value in config.items():
        if key in unchecked or (key == POLICY and value is None):
            continue
        if key in known:
            _check(value, key)
        elif key == VIEWS:
            for name, view in (value or {}).items():
                _check(view, f"{VIEWS}.{name}")
        elif key in BESIDE_GROUPS:
            checked[key] = cast(value, BESIDE_GROUPS[key], key)
        elif key != "choices":
            raise UsageError(f"there is no key {key}; the groups are {', '.join(known)}.")
    split_seed = cast(config["data"].get("split_seed"), int, "data.split_seed")
    checked["data"] = {**config["data"], "split_seed": split_seed}
    return checked


def _check(node: Mapping[str, Any], path: str) -> None:
    """Check the options of a component and of the components inside it; `data` contains its split."""
    if not isinstance(node, Mapping) or TARGET not in node:
        raise UsageError(f"{path} has no {TARGET}; add the path of a class.")
    options_of({key: value for key, value in node.items() if key not in BESIDE_OPTIONS.get(path, ())}, path)
    for key, value in node.items():
        if f"{path}/{key}" == CALLBACKS:
            for name, callback in (value or {}).items():
                _check(callback, f"{path}.{key}.{name}")
        elif isinstance(value, Mapping) or (path == "data" and key in COMPONENTS_OF_DATA):
            _check(value, f"{path}.{key}")
