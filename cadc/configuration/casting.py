"""Casting values of a configuration to the types of a signature."""

import inspect
import math
import types
from collections.abc import Sequence
from typing import Any, Literal, Union, get_args, get_origin

from cadc.errors import UsageError, shown


def cast(value: Any, hint: Any, where: str) -> Any:
    """Return `value` cast to the type of an annotation.

    Parameters
    ----------
    value : from a configuration.
    hint : the annotation.
    where : key of the value, for messages.

    Raises
    ------
    UsageError : if the value does not fit the annotation.

    >>> cast(1, float, "rate"), cast("a", Literal["a", "b"], "kind"), cast([1, 2], tuple[int, ...], "top_mlp")
    (1.0, 'a', (1, 2))
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or hint is inspect.Parameter.empty:
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _first_that_fits(value, [kind for kind in arguments if kind is not type(None)], hint, where)
    if origin is Literal:
        if value not in arguments:
            raise UsageError(f"{where} is {shown(value)}; choose one of {', '.join(map(str, arguments))}.")
        return value
    if origin in (tuple, list, Sequence):
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise UsageError(f"{where} is {shown(value)}; expected a list such as {_example(arguments)}.")
        cast_values = [cast(item, arguments[0], where) for item in value]
        return cast_values if origin is list else tuple(cast_values)
    if hint is bool and isinstance(value, bool):
        return value
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise UsageError(f"{where} is {shown(value)}; expected a whole number of at most 19 digits.")
    if hint is int and not isinstance(value, bool) and isinstance(value, int | float) and float(value).is_integer():
        return cast(int(value), int, where) if isinstance(value, float) else value
    if hint is float and not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value):
        if int(float(value)) != value and isinstance(value, int):
            raise UsageError(
                f"{where} is {value}; expected a number that float64 does not round to {float(value):.0f}."
            )
        return float(value)
    if hint is str and isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise _wrong(value, hint, where)


def _first_that_fits(value: Any, kinds: Sequence[Any], hint: Any, where: str) -> Any:
    for kind in kinds:
        try:
            return cast(value, kind, where)
        except UsageError:
            continue
    raise _wrong(value, hint, where)


def _wrong(value: Any, hint: Any, where: str) -> UsageError:
    quotes = "; a text that looks like this stands in quotes" if isinstance(value, bool | float) else ""
    takes_text = str in (hint, *get_args(hint))
    return UsageError(f"{where} is {shown(value)}; expected {_described(hint)}{quotes if takes_text else ''}.")


def _example(kinds: tuple[Any, ...]) -> str:
    return "[a, b]" if str in kinds else "[64, 32]"


def _described(hint: Any) -> str:
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a finite number",
        str: "text",
        type(None): "null",
    }
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_described(kind) for kind in get_args(hint))
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if get_origin(hint) in (tuple, list, Sequence):
        kinds = get_args(hint)
        return f"a list such as {_example(kinds)}, each {_described(kinds[0])},"
    return names.get(hint, str(hint))
