"""Composing the configuration of a run from overrides, with suggestions for unknown keys and options."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from cadc.configuration.callbacks_of_lightning import of_a_run
from cadc.configuration.checks import CALLBACKS, LISTS, POLICY, VIEWS, check_config
from cadc.configuration.chosen_options import checked_plugin_files, chosen_options
from cadc.configuration.components import TARGET
from cadc.configuration.groups import default_options, groups, keys_of
from cadc.configuration.interpolation import check_interpolations, check_tree
from cadc.configuration.override_text import format_value
from cadc.configuration.overrides import parse_overrides, search_instead
from cadc.configuration.plain_keys import with_keys
from cadc.configuration.suggestions import nearest_keys, nearest_options
from cadc.errors import UsageError, shown


def compose_config(overrides: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of one run as plain dictionaries, every option checked.

    Parameters
    ----------
    overrides : such as `data=ml-1m` and `sampler.rate=0.1`.

    Returns
    -------
    config : groups and seeds, and under `choices` the option of each group.

    Raises
    ------
    UsageError : for an invalid override, an unknown group, option or key, and a value of the wrong type.
    """
    return check_config(deepcopy(_composed(tuple(overrides))))


@cache
def _composed(overrides: tuple[str, ...]) -> dict[str, Any]:
    """Compose, once for each list of overrides: grids are composed twice."""
    parsed = parse_overrides(overrides)
    for override in parsed:
        require_single_value(override)
    return _compose(parsed)


def require_single_value(override: Override) -> None:
    """Raise a UsageError for an override that gives several values, of which a run takes one."""
    if isinstance(override.value(), IntervalSweep):
        raise search_instead(override)
    if override.is_sweep_override():
        key = override.get_key_element()
        raise UsageError(
            f"{shown(override.input_line)[1:-1]} gives several values; add -m (in Python: cadc.sweep) to run them "
            f"all, or quote a text that holds a comma: \"{key}='...'\"."
        )


def composed_config(overrides: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of a run as `compose_config` does, but without loading its classes to check it."""
    return deepcopy(_composed(tuple(overrides)))


def _compose(parsed: Sequence[Override]) -> dict[str, Any]:
    plugin_files, known = checked_plugin_files(), groups()
    require_options(parsed, known)
    choosing = [override for override in parsed if chooses(override, known)]
    try:
        options = chosen_options(tuple(override.input_line or "" for override in choosing), plugin_files)
        # Hydra, too, sets keys after it has merged the files.
        setting = [override for override in parsed if override not in choosing]
        config = with_keys(options.plain, setting) or _set_by_hydra(options.config, setting)
    except (HydraException, OmegaConfBaseException, ValueError, YAMLError) as error:
        reason = (
            wrong_key(parsed) or f"{str(error).splitlines()[0].rstrip('.')}; `cadc train --dry-run` shows all keys."
        )
        raise UsageError(reason) from error
    # Hydra leaves out a list of no options.
    found = {VIEWS: {}, POLICY: None} | {str(key): value for key, value in config.items()}
    named = {key: name for key, name in options.names.items() if key not in LISTS and name is not None}
    return found | {"choices": named}


def _set_by_hydra(config: DictConfig, overrides: Sequence[Override]) -> dict[str, Any]:
    """Return a copy of a configuration with keys set and interpolations resolved."""
    composed = deepcopy(config)
    ConfigLoaderImpl._apply_overrides_to_config(list(overrides), composed)
    if "choices" in composed:
        raise UsageError("choices cannot be set; choose the option of each group with GROUP=OPTION.")
    unfilled = OmegaConf.to_container(composed)
    assert isinstance(unfilled, dict)
    check_tree(unfilled, "the configuration")
    check_interpolations({str(key): value for key, value in unfilled.items()})
    resolved = OmegaConf.to_container(composed, resolve=True)
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def chooses(override: Override, known: Mapping[str, list[str]]) -> bool:
    """Tell whether an override chooses the option of a group, and does not set a key."""
    return str(override.key_or_group) in known and not isinstance(override.value(), dict)


def require_options(parsed: Sequence[Override], known: Mapping[str, list[str]]) -> None:
    """Raise a UsageError for the first override that names an unknown option of a group.

    Hydra would also accept the path of any file as an option.
    """
    if reason := _wrong_option(parsed, known):
        raise UsageError(reason)


def _wrong_option(parsed: Sequence[Override], known: Mapping[str, list[str]]) -> str | None:
    for override in parsed:
        group, option = str(override.key_or_group), override.value()
        # A dictionary sets keys of the group; any other value names an option, or a list of options.
        if group in LISTS and isinstance(option, list):
            unknown = [one for one in option if one not in known[group]]
            if not unknown:
                continue
            option = unknown[0]
        if option is None and default_options().get(group) == "null":
            continue
        if option is None and group in LISTS:
            return f"{group}=null does not exist; {group}=[] chooses nothing."
        if group in known and not isinstance(option, dict) and option not in known[group]:
            if group == CALLBACKS and (instead := of_a_run(str(option))):
                return f"{group}={shown(option)[1:-1]} does not exist: {instead}."
            near = nearest_options(group, str(option), known[group])
            written = shown(option)[1:-1] if isinstance(option, str) else format_value(option)
            hint = f"did you mean {_one_of(f'{group}={name}' for name in near)}?" if near else None
            return f"{group}={written} does not exist; {hint or 'choose one of ' + ', '.join(known[group]) + '.'}"
    return None


def wrong_key(parsed: Sequence[Override]) -> str | None:
    """Return a message about the first override of a key that the chosen options do not have."""
    known = groups()
    chosen = [override for override in parsed if chooses(override, known)]
    keys = sorted({*_keys(_without_choices(_compose(chosen))), *known}) if len(chosen) < len(parsed) else []
    for key in (key for override in parsed if override not in chosen for key in _set_by(override)):
        if key not in keys:
            if (view := _view_of(key)) in known[VIEWS] and f"{VIEWS}.{view}" not in keys:
                return (
                    f"there is no key {key}, since the view {view} is not chosen; add it to the list, views=[{view}]."
                )
            *path, name = key.split(".")[:3]
            if path == ["trainer", "callbacks"] and f"trainer.callbacks.{name}" not in keys:
                return f"there is no key {key}, since {name} is not chosen; add it to the list, {CALLBACKS}=[{name}]."
            if owners := _owners(key, known):
                return f"there is no key {key} with the options that are chosen; it belongs to {owners}."
            near = nearest_keys(key, keys)
            hint = f"did you mean {_one_of(near)}?" if near else "`cadc train --help` lists all keys."
            return f"there is no key {key}; {hint}"
    return None


def _set_by(override: Override) -> Iterator[str]:
    """Yield the keys that an override sets: those of its value, where that is a dictionary."""
    key, value = str(override.key_or_group), override.value()
    yield key
    if isinstance(value, dict) and not override.is_force_add():
        yield from (f"{key}.{name}" for name in value if name != TARGET)


def _owners(key: str, known: Mapping[str, list[str]]) -> str:
    """Return the options of a group that have a key which the chosen one lacks, as a message lists them."""
    group, _, name = key.rpartition(".")
    group = group.replace(".", "/")
    owners = [option for option in known.get(group, ()) if group != VIEWS and name in keys_of(group, option)]
    more = f" and {len(owners) - 4} others" if len(owners) > 5 else ""
    return f"{group}={', '.join(owners[:4] if more else owners)}{more}" if owners else ""


def _view_of(key: str) -> str | None:
    """Return the view that a key such as `views.profile.rank` belongs to."""
    parts = key.split(".")
    return parts[1] if parts[0] == VIEWS and len(parts) > 1 else None


def _without_choices(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key != "choices"}


def _one_of(names: Any) -> str:
    return " or ".join(names)


def _keys(node: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in node.items():
        if key != TARGET:
            yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _keys(value, f"{prefix}{key}.")
