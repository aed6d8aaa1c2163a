"""Words that set options, `key=value`, as Hydra understands them; and sweeps, which give several values."""

import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import product
from math import ceil, inf, prod
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep
from hydra.errors import HydraException

from cadc.configuration.interpolation import check_override, check_tree
from cadc.errors import UsageError, shown

MAX_COMBINATIONS = 100_000
"""Runs of a sweep; one that asks for more is a slip, and would be built in memory first."""
KEY = re.compile(r"\+{0,2}[a-z_][\w-]*(?:[./][\w-]+)*", re.ASCII | re.IGNORECASE)
"""What stands before the `=` of a word that sets a key."""
MEANT_FOR_HYDRA = frozenset(",[]{}'\"$\\")
"""Characters with which a value is meant to be more than one plain text."""


def expand(overrides: Sequence[str]) -> list[list[str]]:
    """Return the overrides of every run of a multirun, the last sweep varying fastest.

    >>> expand(["seed=0,1", "model=bias"])
    [['seed=0', 'model=bias'], ['seed=1', 'model=bias']]
    """
    parsed = parse_overrides(overrides)
    # An empty sweep counts as one value, or it would hide how long the others are.
    if prod(max(1, _n_values(override)) for override in parsed) > MAX_COMBINATIONS:
        raise UsageError(f"the sweep asks for more than {MAX_COMBINATIONS:,} runs; sweep fewer values at once.")
    choices = []
    for word, override in zip(overrides, parsed, strict=True):
        if override.is_sweep_override():
            key = override.get_key_element()
            choices.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        else:
            choices.append([word])
    return [list(words) for words in product(*choices)]


def _n_values(override: Override) -> int:
    """Return how many values a word gives, without listing them; those above the allowed number count as one more."""
    if not override.is_sweep_override():
        return 1
    value = override.value()
    if isinstance(value, ChoiceSweep):
        return len(value.list)
    if isinstance(value, RangeSweep) and value.step:
        assert value.start is not None and value.stop is not None
        try:
            steps = (value.stop - value.start) / value.step
        except OverflowError:  # of a whole number with hundreds of digits
            steps = inf
        return ceil(max(0, steps)) if steps <= MAX_COMBINATIONS else MAX_COMBINATIONS + 1
    # An interval, or a pattern, lists no values.
    raise UsageError(f"{override.input_line} is no sweep that cadc knows; list the values.")


def key_of(override: str) -> str:
    """Return the key that a word sets: `sampler.rate` of `sampler.rate=0.1`."""
    return str(parse_overrides([override])[0].key_or_group)


def parse_overrides(overrides: Sequence[str]) -> list[Override]:
    """Return Hydra's understanding of each word; a plain text that only its grammar cannot read is taken as quoted.

    Raises
    ------
    UsageError : for a word that is no override.

    >>> [override.value() for override in parse_overrides(["data.path=März (1).csv", "data.path='a,b.csv'"])]
    ['März (1).csv', 'a,b.csv']
    """
    parser = OverridesParser.create()
    parsed = []
    for word in overrides:
        check_override(word)
        override = _parsed(word, parser)
        if not override.key_or_group:
            raise UsageError(f"{shown(word)} names no key; write key=value, such as sampler.rate=0.1.")
        if override.is_delete():
            raise UsageError(f"{word!r} takes something away; every group and key is needed, so choose another option.")
        if str(override.key_or_group).startswith("hydra"):
            raise UsageError(f"{word!r} sets Hydra itself, which cadc drives; it is not supported.")
        if override.package is not None:
            raise UsageError(f"{word!r} puts a group elsewhere; every group stands under its own name.")
        # Once more, since quotes and backslashes are gone now.
        check_tree(_plain(override), f"the word {shown(word)}")
        parsed.append(override)
    return parsed


def _parsed(word: str, parser: OverridesParser) -> Override:
    try:
        return parser.parse_override(word)
    except (HydraException, ValueError, RecursionError) as error:
        key, equals, value = word.partition("=")
        if not equals or KEY.fullmatch(key) is None:
            raise UsageError(f"{shown(word)} is no override; write key=value, such as sampler.rate=0.1.") from error
        # Hydra's grammar has no place for most characters of file names, such as umlauts, parentheses and `=`.
        if isinstance(error, HydraException) and value.isprintable() and not MEANT_FOR_HYDRA & set(value):
            with suppress(HydraException):
                return parser.parse_override(f"{key}='{value.strip()}'")
        raise UsageError(f"{shown(word)} cannot be read; quote the value: \"{shown(key)[1:-1]}='...'\".") from error


def _plain(override: Override) -> Any:
    """Return the value, or values, of a word, strings without their quotes."""
    value = override.value()
    return Override._convert_value(value.list) if isinstance(value, ChoiceSweep) else value
