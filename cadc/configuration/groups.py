"""The options of each configuration group, plug-ins included."""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cadc.configuration.class_lookup import allowed_packages
from cadc.configuration.safe_yaml import load_yaml
from cadc.paths import conf_dir


def groups() -> dict[str, list[str]]:
    """Return the names of the options of every configuration group of a run, plug-ins included."""
    found: dict[str, set[str]] = {}
    for group, option in chain(_own_options(), *map(_options_in, plugin_folders())):
        found.setdefault(group, set()).add(option)
    return {group: sorted(options) for group, options in sorted(found.items())}


@cache
def _own_options() -> tuple[tuple[str, str], ...]:
    """Return the options that cadc comes with: a grid asks for them thousands of times."""
    return tuple(_options_in(conf_dir()))


def _options_in(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield group and name of each option in a folder of configuration groups."""
    for path in folder.rglob("*.yaml"):
        group = path.parent.relative_to(folder).as_posix()
        if group not in (".", "tune") and _is_option(path):
            yield group, path.stem


@cache
def default_options() -> Mapping[str, str]:
    """Return the option of each group that is taken if none is chosen, as an override writes it.

    >>> default_options()["sampler"]
    'uniform'
    """
    nodes = load_yaml(conf_dir() / "config.yaml")["defaults"]
    return MappingProxyType(
        {
            group: "null" if name is None else str(name)
            for node in nodes
            if isinstance(node, dict)
            for group, name in node.items()
        }
    )


def files_of(group: str) -> dict[str, Path]:
    """Return the file of each option of a group by name, plug-ins included."""
    return {name: path for name, path in _files(group).items() if _is_option(path)}


def keys_of(group: str, option: str) -> dict[str, Any]:
    """Return the keys of an option and their defaults, those that its list `defaults` inherits included.

    Returns
    -------
    Keys in the order in which they are composed; none of an option that does not exist.

    Raises
    ------
    UsageError : for a file that cannot be read.
    """
    path = _files(group).get(option)
    own = load_yaml(path) if path else None
    if not isinstance(own, dict):
        return {}
    keys: dict[str, Any] = {}
    for base in own.pop("defaults", None) or []:
        # An entry such as `split: random` chooses an option of another group.
        if isinstance(base, str) and base != "_self_":
            keys |= keys_of(group, base)
    return keys | own


def _is_option(path: Path) -> bool:
    """Tell whether a file is an option; the names of files that options inherit from begin with `_`."""
    return not path.stem.startswith("_")


def _files(group: str) -> dict[str, Path]:
    folders = (conf_dir(), *plugin_folders())
    return {path.stem: path for folder in folders for path in (folder / group).glob("*.yaml")}


def plugin_folders() -> Iterator[Path]:
    """Yield the folder `conf` of each installed plug-in."""
    from importlib.util import find_spec

    for package in allowed_packages()[1:]:
        spec = find_spec(package)
        for location in (spec.submodule_search_locations or []) if spec else []:
            if (Path(location) / "conf").is_dir():
                yield Path(location) / "conf"


def plugin_paths() -> list[str]:
    """Return the override that adds the plug-ins to Hydra's search path."""
    folders = ",".join(f"file://{folder}" for folder in plugin_folders())
    return [f"hydra.searchpath=[{folders}]"] if folders else []
