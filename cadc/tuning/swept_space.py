"""Search spaces in overrides, as Hydra's sweeper for Optuna takes them: `interval`, `range`, `choice`, `a,b`."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep

from cadc.configuration.compose import composed_config
from cadc.configuration.overrides import expand, parse_overrides
from cadc.configuration.plain_keys import node_at
from cadc.errors import UsageError, shown


def split_swept(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the overrides with a single value, and those that give several to search.

    >>> split_swept(["sampler.rate=0.1", "trainer.learning_rate=interval(1e-4,1e-2)", "model=dlrm,dcn"])
    (['sampler.rate=0.1'], ['trainer.learning_rate=interval(1e-4,1e-2)', 'model=dlrm,dcn'])
    """
    parsed = list(zip(overrides, parse_overrides(overrides), strict=True))
    swept = [text for text, override in parsed if override.is_sweep_override()]
    return [text for text in overrides if text not in swept], swept


def ends_of(swept: Sequence[str]) -> list[list[str]]:
    """Return overrides that set each end, or each value, of what is searched, to be checked before the search."""
    found: list[list[str]] = []
    for text in swept:
        (override,) = parse_overrides([text])
        value = override.value()
        if isinstance(value, IntervalSweep):
            found += [[f"{override.key_or_group}={end!r}"] for end in (value.start, value.end)]
        else:
            found += expand([text])
    return found


def space_of_swept(swept: Sequence[str], single: Sequence[str]) -> dict[str, Any]:
    """Return the search space of overrides, by key: `{low, high, log, step}` or `{choices}`.

    Parameters
    ----------
    swept : overrides with several values.
    single : the others, common to all trials.

    >>> space_of_swept(["trainer.learning_rate=tag(log,interval(1e-4,1e-2))", "embedding.dim=interval(4,16)"], [])
    {'trainer.learning_rate': {'low': 0.0001, 'high': 0.01, 'log': True}, 'embedding.dim': {'low': 4, 'high': 16}}
    """
    current = composed_config(single) if swept else {}
    return {str(own.key_or_group): _leaf(own, current) for own in parse_overrides(swept)}


def _leaf(override: Override, current: Mapping[str, Any]) -> dict[str, Any]:
    value, key = override.value(), str(override.key_or_group)
    if isinstance(value, IntervalSweep):
        low, high = value.start, value.end
        *path, last = key.split(".")
        now = (node_at(current, path) or {}).get(last)
        if isinstance(now, int) and low == int(low or 0) and high == int(high or 0):
            low, high = int(low or 0), int(high or 0)  # Hydra writes the ends as 4.0 and 16.0
        return {"low": low, "high": high} | ({"log": True} if "log" in value.tags else {})
    if isinstance(value, RangeSweep) and not value.shuffle:
        values = parse_overrides([own for (own,) in expand([override.input_line or ""])])
        if not values:
            raise UsageError(f"{shown(override.input_line)} holds no values; write range(start,stop,step).")
        return {"low": values[0].value(), "high": values[-1].value(), "step": value.step}
    if isinstance(value, ChoiceSweep | RangeSweep):
        return {"choices": [own.value() for own in parse_overrides([text for (text,) in _runs(override)])]}
    return {"choices": [text.partition("=")[2] for (text,) in _runs(override)]}


def _runs(override: Override) -> list[list[str]]:
    return expand([override.input_line or ""])
