"""Search spaces: the options that a trial chooses, and the values to choose from."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from cadc.configuration.nested import leaves
from cadc.configuration.override_text import format_value
from cadc.errors import UsageError

RANGE = {"low", "high", "log", "step"}


def distributions(space: Any) -> dict[str, BaseDistribution]:
    """Return Optuna's distribution of each key of the configuration.

    Parameters
    ----------
    space : nested like the configuration, or keys joined by dots; each leaf is `{low, high, log, step}` (of whole
        numbers if both ends are) or `{choices}`, a list of values. Choices with names, `{choices: {NAME: {KEY:
        VALUE}}}`, set several keys at once or none; their leaf has a name of its own.

    Raises
    ------
    UsageError : for any other leaf, and an empty or invalid range.
    """
    if not isinstance(space, Mapping) or not space:
        raise UsageError("tune.space is empty; add at least one key, such as trainer.learning_rate: {low, high, log}.")
    return {key: _distribution(leaf, f"tune.space.{key}") for key, leaf in options_of(space).items()}


def decimal_values(values: Mapping[str, Any], of: Mapping[str, BaseDistribution]) -> dict[str, Any]:
    """Return chosen values with those of a range with a step as the decimal numbers that were meant.

    Optuna counts steps in binary, so that 0.1 and two steps of 0.1 would be 0.30000000000000004, which is another run.

    Parameters
    ----------
    values : chosen by a trial, by key.
    of : the distribution of each key.

    >>> decimal_values({"sampler.rate": 0.1 + 0.2}, {"sampler.rate": FloatDistribution(0.1, 0.9, step=0.1)})
    {'sampler.rate': 0.3}
    """
    return {key: _on_grid(value, of.get(key)) for key, value in values.items()}


def _on_grid(value: Any, distribution: BaseDistribution | None) -> Any:
    if not isinstance(distribution, FloatDistribution) or distribution.step is None:
        return value
    low, step = Decimal(repr(distribution.low)), Decimal(repr(distribution.step))
    return float(low + round((Decimal(value) - low) / step) * step)


def bundles(space: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the choices with names: by leaf and name of the choice, the values that it sets by key.

    Parameters
    ----------
    space : see `distributions`, which has checked it.

    >>> bundles({"schedule": {"choices": {"none": {}, "short": {"trainer.max_epochs": 3}}}})
    {'schedule': {'none': {}, 'short': {'trainer.max_epochs': 3}}}
    """
    return {
        key: {name: leaves(values) for name, values in leaf["choices"].items()}
        for key, leaf in options_of(space).items()
        if isinstance(leaf, Mapping) and isinstance(leaf.get("choices"), Mapping)
    }


def keys_of_space(space: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the keys of the configuration that each leaf of a space sets.

    >>> keys_of_space({"size": {"choices": {"small": {"embedding.dim": 4}}}, "seed": {"low": 0, "high": 9}})
    {'size': ('embedding.dim',), 'seed': ('seed',)}
    """
    named = bundles(space)
    return {
        key: tuple(dict.fromkeys(own for values in named[key].values() for own in values)) if key in named else (key,)
        for key in options_of(space)
    }


def options_of(space: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each option of a search space is chosen from, by key of the configuration."""
    return leaves(space, lambda node: not node or bool({"low", "high", "choices"} & set(node)))


def searched(distribution: BaseDistribution) -> str:
    """Return what a distribution holds, in words.

    >>> searched(FloatDistribution(0.001, 0.1, log=True)), searched(CategoricalDistribution(["a", None]))
    ('0.001 to 0.1, log scale', 'a, null')
    """
    if isinstance(distribution, CategoricalDistribution):
        return ", ".join(map(format_value, distribution.choices))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    step = f", steps of {distribution.step}" if distribution.step not in (None, 1) else ""
    return f"{distribution.low} to {distribution.high}{', log scale' if distribution.log else ''}{step}"


def _distribution(leaf: Any, where: str) -> BaseDistribution:
    if not isinstance(leaf, Mapping):
        raise UsageError(f"{where} is {leaf!r}; expected {{low: 1, high: 10}} or {{choices: [a, b]}}.")
    if set(leaf) == {"choices"}:
        choices = leaf["choices"]
        if isinstance(choices, Mapping):
            return CategoricalDistribution(_names(choices, where))
        if not isinstance(choices, list) or not choices:
            raise UsageError(f"{where}.choices is {choices!r}; expected a list of values.")
        if any(isinstance(choice, Mapping) for choice in choices) or len(set(map(format_value, choices))) < len(
            choices
        ):
            raise UsageError(f"{where}.choices is {choices!r}; expected values or lists without duplicates.")
        return CategoricalDistribution([choice if _is_plain(choice) else format_value(choice) for choice in choices])
    if unknown := set(leaf) - RANGE:
        raise UsageError(
            f"{where} has the unknown {', '.join(sorted(map(str, unknown)))}; expected low, high, log, step."
        )
    log = leaf.get("log", False)
    try:
        low, high = _number(leaf["low"]), _number(leaf["high"])
        step = None if leaf.get("step") is None else _number(leaf["step"])
        if not isinstance(log, bool):
            raise ValueError(f"log is {log!r}, expected true or false")
        if isinstance(low, int) and isinstance(high, int) and not isinstance(step, float):
            return IntDistribution(low, high, log=log, step=1 if step is None else step)
        return FloatDistribution(low, high, log=log, step=step)
    except KeyError as error:
        raise UsageError(f"{where} lacks {error.args[0]}; a range needs low and high.") from error
    except ValueError as error:
        raise UsageError(f"{where} is not a range: {error}") from error


def _names(choices: Mapping[Any, Any], where: str) -> list[str]:
    """Return the names of choices that set several keys."""
    for name, values in choices.items():
        if not isinstance(name, str) or not isinstance(values, Mapping):
            raise UsageError(
                f"{where}.choices has {name!r}: {values!r}; expected a name and what it sets, {{key: value}} or {{}}."
            )
    if not any(leaves(values) for values in choices.values()):
        raise UsageError(f"{where}.choices is {choices!r}, which sets nothing; add a choice with {{key: value}}.")
    return list(choices)


def _number(value: Any) -> int | float:
    # YAML reads 1e-4 as text.
    number = float(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise ValueError(f"{value!r} is not a number")
    return number


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
