"""Components: plain classes that a configuration names by `_target_` and whose options are their keyword arguments.

Only classes defined in `cadc`, or in packages that the user installed as plug-ins (entry points of the group
`cadc.plugins`), can be built: the name is checked before anything is imported.
"""

import importlib
import inspect
import math
import re
import types
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Literal, Union, get_args, get_origin

from cadc.errors import UsageError, shown

TARGET = "_target_"

CLASS_PATH = re.compile(r"(?:(?!__)[A-Za-z_][A-Za-z0-9_]*\.)+(?!__)[A-Za-z_][A-Za-z0-9_]*")
"""Names joined by dots, none of which Python itself gives a meaning; letters that only look alike are none."""


@cache
def allowed_packages() -> tuple[str, ...]:
    """Return `cadc` and the packages of installed plug-ins."""
    plugins = {point.module.split(".")[0] for point in entry_points(group="cadc.plugins")}
    return ("cadc", *sorted(plugins))


MOVED = {
    "cadc.embeddings.full.FullTable": "cadc.embeddings.full.Full",
    "cadc.embeddings.initializers.RandomInitializer": "cadc.embeddings.initializers.random.RandomInitializer",
    "cadc.embeddings.initializers.MFInitializer": "cadc.embeddings.initializers.mf.MFInitializer",
}
"""Where classes stand now that older records name elsewhere."""


def load_class(target: Any) -> type:
    """Import the class that a configuration, or an older record, names.

    Raises
    ------
    UsageError : where the name leads outside the allowed packages, or to no class defined there.
    """
    if not isinstance(target, str):
        raise UsageError(f"_target_ {shown(target)} is no text that names a class.")
    if len(target) > 200 or CLASS_PATH.fullmatch(target) is None:
        raise UsageError(f"_target_ {shown(target)} is no name of a class; write one such as cadc.models.dlrm.DLRM.")
    return _load_class(MOVED.get(target, target))


def name_of(cls: type) -> str:
    """Return the name under which records know a class, which stays when it moves."""
    name = f"{cls.__module__}.{cls.__qualname__}"
    return next((older for older, now in MOVED.items() if now == name), name)


@cache
def _load_class(target: str) -> type:
    module_name, _, class_name = target.rpartition(".")
    if module_name.split(".")[0] not in allowed_packages():
        raise UsageError(
            f"_target_ {target!r} is not allowed: only classes of {', '.join(allowed_packages())} can be built; "
            "install a package with an entry point in the group cadc.plugins to add your own."
        )
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, SyntaxError) as error:
        raise UsageError(f"_target_ {target!r} names nothing that exists ({error}).") from error
    except Exception as error:
        raise UsageError(f"_target_ {target!r} cannot be imported ({type(error).__name__}: {error}).") from error
    if not isinstance(found, type) or found.__module__ != module_name:
        raise UsageError(f"_target_ {target!r} is no class defined in {module_name}.")
    if inspect.isabstract(found):
        raise UsageError(f"_target_ {target!r} is what others are derived from; name one of those.")
    return found


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
            raise UsageError(f"{where} is no option of {cls.__name__}; {hint}")
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


def cast(value: Any, hint: Any, where: str) -> Any:
    """Return `value` as the type of an annotation, or say what was expected.

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
        raise UsageError(f"{where} is {shown(value)}; expected a number of at most 19 digits.")
    if hint is int and not isinstance(value, bool) and isinstance(value, int | float) and float(value).is_integer():
        return cast(int(value), int, where) if isinstance(value, float) else value
    if hint is float and not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    if hint is str and isinstance(value, str | int):
        return str(value)
    raise UsageError(f"{where} is {shown(value)}; expected {_in_words(hint)}.")


def _first_that_fits(value: Any, kinds: Sequence[Any], hint: Any, where: str) -> Any:
    for kind in kinds:
        try:
            return cast(value, kind, where)
        except UsageError:
            continue
    raise UsageError(f"{where} is {shown(value)}; expected {_in_words(hint)}.")


def _example(kinds: tuple[Any, ...]) -> str:
    return "[a, b]" if str in kinds else "[64, 32]"


def _in_words(hint: Any) -> str:
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a finite number",
        str: "a text",
        type(None): "null",
    }
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_in_words(kind) for kind in get_args(hint))
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    return names.get(hint, str(hint))
