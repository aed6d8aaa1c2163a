"""Checks names and values of overrides before PyTorch is imported, which takes two seconds, and before data is read.

The runs of a sweep share most of their overrides: each is looked at once for each choice of options. What a run asks
for as a whole is checked again when its settings are made, where the classes themselves have the last word.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from cadc.configuration.casting import cast
from cadc.configuration.checks import BESIDE_GROUPS
from cadc.configuration.chosen_options import checked_plugin_files, chosen_options
from cadc.configuration.components import TARGET
from cadc.configuration.compose import chooses, require_options, require_single_value, wrong_key
from cadc.configuration.groups import groups
from cadc.configuration.overrides import parse_overrides
from cadc.configuration.plain_keys import is_plain, node_at
from cadc.configuration.signatures import signature_of
from cadc.errors import UsageError

OF_NO_CLASS = {**BESIDE_GROUPS, "data.split_seed": int}
"""Types of the keys that are no options of a class."""


def precheck(combinations: Sequence[Sequence[str]]) -> None:
    """Check the overrides of runs without loading what they name.

    Parameters
    ----------
    combinations : the overrides of each run.

    Raises
    ------
    UsageError : for the first override that is wrong by itself: an unknown group, option or key, or a value of another
        type than its option has.
    """
    known = groups()
    of_choices: dict[tuple[str, ...], dict[str, Override]] = {}
    for overrides in combinations:
        parsed = parse_overrides(overrides)
        for override in parsed:
            require_single_value(override)
        chosen = tuple(text for text, own in zip(overrides, parsed, strict=True) if chooses(own, known))
        setting = {text: own for text, own in zip(overrides, parsed, strict=True) if not chooses(own, known)}
        of_choices.setdefault(chosen, {}).update(setting)
    for chosen, setting in of_choices.items():
        _check(parse_overrides(chosen), list(setting.values()), known)


def _check(choosing: Sequence[Override], setting: Sequence[Override], known: Mapping[str, list[str]]) -> None:
    """Check overrides of keys for one choice of options."""
    require_options([*choosing, *setting], known)
    if dictionaries := [override for override in setting if isinstance(override.value(), dict)]:
        for override in dictionaries:
            if str(override.key_or_group) in known and (reason := wrong_key([*choosing, override])):
                raise UsageError(reason)
        # Any other may bring a class or keys of its own.
        return
    tree = chosen_options(tuple(override.input_line or "" for override in choosing), checked_plugin_files()).plain
    for override in setting:
        key = str(override.key_or_group)
        *path, last = key.split(".")
        node = node_at(tree, path)
        if node is None or last not in node:
            if (override.is_add() or override.is_force_add()) and node is not None and path:
                continue  # a class may have more options than its file lists
            if reason := wrong_key([*choosing, override]):
                raise UsageError(reason)
            continue
        value = override.value()
        if is_plain(value) and "${" not in str(value):
            _check_value(value, key, node)


def _check_value(value: Any, key: str, node: Mapping[str, Any]) -> None:
    """Check the type of a value as far as it is known without loading the class that takes it."""
    if key in OF_NO_CLASS:
        cast(value, OF_NO_CLASS[key], key)
    signature = signature_of(str(node.get(TARGET, "")))
    name = key.rpartition(".")[2]
    if signature is not None and name in signature.hints:
        cast(value, signature.hints[name], key)
