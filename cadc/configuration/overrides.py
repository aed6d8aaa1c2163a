"""Overrides, `key=value`, parsed by Hydra's grammar; and sweeps, which give several values."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache
from itertools import product
from math import ceil, inf, prod
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, RangeSweep
from hydra.errors import HydraException

from cadc.configuration.groups import groups
from cadc.configuration.hydra_habits import answer_to, answer_to_deletion, answer_to_experiment
from cadc.configuration.interpolation import check_override, check_tree
from cadc.errors import UsageError, shown

MAX_COMBINATIONS = 100_000
"""Most runs of a sweep; more are a mistake, and would be built in memory first."""
KEY = re.compile(r"\+{0,2}[a-z_][\w-]*(?:[./][\w-]+)*", re.ASCII | re.IGNORECASE)
"""What precedes the `=` of an override."""
INNER_GROUP = re.compile(r"^(\+{0,2})(trainer|data)\.(callbacks|split|transform)=(?!\s*\{)")
"""A group inside another one, written like the key that its options become."""
MEANT_FOR_HYDRA = frozenset(",[]{}'\"$\\")
"""Characters that mean that a value is not a single plain text."""


def expand(overrides: Sequence[str]) -> list[list[str]]:
    """Return the overrides of every run of a multirun, the last sweep varying fastest.

    >>> expand(["seed=0,1", "model=bias"])
    [['seed=0', 'model=bias'], ['seed=1', 'model=bias']]
    >>> [text for (text,) in expand(["sampler.rate=range(0.1,0.5,0.1)"])]
    ['sampler.rate=0.1', 'sampler.rate=0.2', 'sampler.rate=0.3', 'sampler.rate=0.4']
    """
    parsed = parse_overrides(overrides)
    # An empty sweep counts as one value, so that it does not hide the length of the others.
    if prod(max(1, _n_values(override)) for override in parsed) > MAX_COMBINATIONS:
        raise UsageError(f"the sweep asks for more than {MAX_COMBINATIONS:,} runs; sweep fewer values at once.")
    choices = []
    for text, override in zip(overrides, parsed, strict=True):
        if override.is_sweep_override():
            key = override.get_key_element()
            choices.append([f"{key}={value}" for value in _values(override)])
        else:
            choices.append([text])
    return [list(combination) for combination in product(*choices)]


def _values(override: Override) -> Iterator[str]:
    """Yield the values of a sweep as text."""
    value = override.value()
    if isinstance(value, Glob):
        yield from _globbed(override, value)
        return
    if not isinstance(value, RangeSweep) or value.shuffle or isinstance(value.range(), range):
        yield from override.sweep_string_iterator()
        return
    assert value.start is not None and value.stop is not None
    # Hydra adds binary numbers, so that range(0.1,0.5,0.1) would hold 0.30000000000000004, which is another run.
    start, stop, step = (_decimal(number) for number in (value.start, value.stop, value.step))
    for number in range(ceil((stop - start) / step)):
        yield repr(float(start + number * step))


def _decimal(number: float) -> Decimal:
    """Return the decimal number that was meant: of 15 digits, which a binary number holds without an error."""
    return Decimal(f"{number:.15g}")


def _n_values(override: Override) -> int:
    """Return the number of values of an override without listing them, at most one more than allowed."""
    if not override.is_sweep_override():
        return 1
    value = override.value()
    if isinstance(value, ChoiceSweep):
        return len(value.list)
    if isinstance(value, Glob):
        return len(_globbed(override, value))
    if isinstance(value, RangeSweep) and not value.step:
        raise UsageError(f"{override.input_line} has steps of 0; expected range(start,stop,step) with another step.")
    if isinstance(value, RangeSweep):
        assert value.start is not None and value.stop is not None
        try:
            steps = (value.stop - value.start) / value.step
        except OverflowError:  # of a whole number with hundreds of digits
            steps = inf
        return ceil(max(0, steps)) if steps <= MAX_COMBINATIONS else MAX_COMBINATIONS + 1
    raise search_instead(override)


def search_instead(override: Override) -> UsageError:
    """Return the error for an interval, which has values to search and not to list."""
    text = override.input_line
    return UsageError(
        f"{text} is a range to search: `cadc tune '{text}'`; to run all values, list the values or write "
        "range(start,stop,step)."
    )


def _globbed(override: Override, pattern: Glob) -> list[str]:
    """Return the options of a group that a pattern such as `glob(d*)` names."""
    group = str(override.key_or_group)
    options = groups().get(group)
    if options is None:
        raise UsageError(f"{override.input_line} is a pattern of options, but {group} is not a group; list the values.")
    found = pattern.filter(options)
    if not found:
        raise UsageError(f"{override.input_line} matches no option; choose among {', '.join(options)}.")
    return found


def key_of(override: str) -> str:
    """Return the key of an override: `sampler.rate` of `sampler.rate=0.1`."""
    return str(parse_overrides([override])[0].key_or_group)


def parse_overrides(overrides: Sequence[str]) -> list[Override]:
    """Return each override as parsed by Hydra; a plain text that its grammar cannot read is parsed as if quoted.

    Raises
    ------
    UsageError : for an invalid override.

    >>> [override.value() for override in parse_overrides(["data.path=März (1).csv", "data.path='a,b.csv'"])]
    ['März (1).csv', 'a,b.csv']
    """
    return [_parsed_once(text) for text in overrides]


@lru_cache(maxsize=10_000)
def _parsed_once(text: str) -> Override:
    """Parse and check an override; the runs of a sweep share most of theirs."""
    check_override(text)
    override = _parsed(_setting(INNER_GROUP.sub(r"\1\2/\3=", text)), OverridesParser.create())
    if not override.key_or_group:
        raise UsageError(f"{shown(text)} has no key; write key=value, such as sampler.rate=0.1.")
    key = str(override.key_or_group)
    if override.is_delete():
        raise UsageError(answer_to_deletion(key, text))
    if re.match(r"hydra\b", key):
        raise UsageError(answer_to(key, text, text.partition("=")[2]))
    if key == "experiment":
        raise UsageError(answer_to_experiment(text))
    if override.package is not None:
        raise UsageError(f"{text!r} moves a group to another key, which is not supported; leave out the @.")
    # Checked again, since quotes and backslashes are resolved now.
    check_tree(_plain(override), f"the override {shown(text)}")
    return override


def _setting(text: str) -> str:
    """Return an override that sets what Hydra's `+key=value` adds: every group and key has a value already."""
    if not text.startswith("+") or "=" not in text:
        return text
    plain = text.lstrip("+")
    return plain if plain.partition("=")[0] in groups() else f"++{plain}"


def _parsed(text: str, parser: OverridesParser) -> Override:
    try:
        return parser.parse_override(text)
    except (HydraException, ValueError, RecursionError) as error:
        key, equals, value = text.partition("=")
        if not equals or KEY.fullmatch(key) is None:
            raise UsageError(f"{shown(text)} is not an override; write key=value, such as sampler.rate=0.1.") from error
        # Hydra's grammar does not allow many characters of file names, such as umlauts, parentheses and `=`.
        if isinstance(error, HydraException) and _is_printable(value) and not MEANT_FOR_HYDRA & set(value):
            with suppress(HydraException):
                return parser.parse_override(f"{key}='{value.strip()}'")
        raise UsageError(f"{shown(text)} cannot be parsed; quote the value: \"{shown(key)[1:-1]}='...'\".") from error


def _is_printable(text: str) -> bool:
    """Tell whether a text has no control characters; bytes of a file name that are not UTF-8 count as printable."""
    return text.encode(errors="surrogateescape").decode(errors="replace").isprintable()


def _plain(override: Override) -> Any:
    """Return the value, or values, of an override, texts without their quotes."""
    value = override.value()
    return Override._convert_value(value.list) if isinstance(value, ChoiceSweep) else value
