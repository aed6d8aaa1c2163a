"""Components: classes that a configuration names by `_target_`; their options are keyword arguments."""

import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any

from cadc.configuration.casting import cast
from cadc.configuration.class_lookup import load_class
from cadc.errors import UsageError

TARGET = "_target_"


def parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Return the named arguments of a class, `self` left out."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    try:
        found = inspect.signature(cls).parameters
    except ValueError as error:  # an exception, or another class without a signature
        raise UsageError(f"_target_ {cls.__module__}.{cls.__qualname__} is no component: it has no options.") from error
    return {name: value for name, value in found.items() if value.kind not in variadic}


def defaults(cls: type) -> dict[str, Any]:
    """Return the options of a class and their defaults; arguments without one are given at run time."""
    found = parameters(cls).items()
    return {name: value.default for name, value in found if value.default is not inspect.Parameter.empty}


def options_of(node: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return a node's options, each checked against the class's signature and cast to its type.

    Raises
    ------
    UsageError : for an option that the class does not have, or a value of the wrong type.
    """
    from difflib import get_close_matches

    cls = load_class(node[TARGET])
    known = defaults(cls)
    given = {}
    for key, value in node.items():
        if key == TARGET:
            continue
        where = f"{path}.{key}" if path else str(key)
        if key not in known:
            near = " or ".join(get_close_matches(str(key), known, n=3) or sorted(known))
            hint = f"did you mean {near}?" if near else "it has none."
            raise UsageError(f"{where} is not an option of {cls.__name__}; {hint}")
        given[str(key)] = value
    return cast_options(cls, given, path)


def cast_options(cls: type, options: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return options of a class, each as the type that its signature gives it."""
    hints = typing.get_type_hints(cls.__init__)  # type: ignore[misc]
    prefix = f"{path}." if path else ""
    return {name: cast(value, hints.get(name, Any), prefix + name) for name, value in options.items()}


def build(node: Mapping[str, Any], path: str = "", **provided: Any) -> Any:
    """Build the component that a node describes.

    Parameters
    ----------
    node : `_target_` and options.
    path : where the node stands in the configuration, for messages.
    provided : arguments that are made at run time; the class gets those that it asks for by name. A callable
        among them is called only if asked for.
    """
    cls = load_class(node[TARGET])
    asked = {
        name: value() if isinstance(value, types.FunctionType | types.MethodType) else value
        for name, value in provided.items()
        if name in parameters(cls)
    }
    options = options_of(node, path)
    missing = [
        name
        for name, value in parameters(cls).items()
        if value.default is inspect.Parameter.empty and name not in asked
    ]
    if missing:
        raise UsageError(f"_target_ {node[TARGET]!r} does not fit here: nothing gives it its {', '.join(missing)}.")
    return cls(**options, **asked)
