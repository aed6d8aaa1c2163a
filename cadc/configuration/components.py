"""Components: classes that a configuration names by `_target_`; their options are keyword arguments."""

import dataclasses
import inspect
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Generic, TypeVar

from cadc.configuration.casting import cast
from cadc.configuration.class_lookup import load_class
from cadc.errors import UsageError

TARGET = "_target_"

T = TypeVar("T")


def parameters(cls: type) -> Mapping[str, inspect.Parameter]:
    """Return the named parameters of a class, without `self`."""
    return _parameters(cls)


@cache
def _parameters(cls: type) -> Mapping[str, inspect.Parameter]:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    try:
        found = inspect.signature(cls).parameters
    except ValueError as error:  # an exception, or another class without a signature
        raise UsageError(
            f"_target_ {cls.__module__}.{cls.__qualname__} is not a component; expected a class with keyword arguments."
        ) from error
    return types.MappingProxyType({name: value for name, value in found.items() if value.kind not in variadic})


def defaults(cls: type) -> dict[str, Any]:
    """Return the options of a class and their defaults; parameters without a default are provided at run time."""
    found = parameters(cls).items()
    return {name: value.default for name, value in found if value.default is not inspect.Parameter.empty}


def options_of(node: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return the options of a node, checked against the signature of its class and cast to the annotated types.

    Parameters
    ----------
    node : `_target_` and options.
    path : key of the node in the configuration, for messages.

    Raises
    ------
    UsageError : for an unknown option, or a value of the wrong type.
    """
    from cadc.configuration.suggestions import nearest

    cls = load_class(node[TARGET])
    known = defaults(cls)
    given = {}
    for key, value in node.items():
        if key == TARGET:
            continue
        where = f"{path}.{key}" if path else str(key)
        if key not in known:
            near = " or ".join(nearest(str(key), known) or sorted(known))
            hint = f"did you mean {near}?" if near else "it has no options."
            raise UsageError(f"{where} is not an option of {cls.__name__}; {hint}")
        given[str(key)] = value
    return cast_options(cls, given, path)


def cast_options(cls: type, options: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return options of a class, cast to the types of its signature."""
    hints = _hints(cls, tuple(options))
    prefix = f"{path}." if path else ""
    return {name: cast(value, hints.get(name, Any), prefix + name) for name, value in options.items()}


@lru_cache(maxsize=1024)
def _hints(cls: type, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the types of some options; an argument given at run time may name one that only type checkers import."""
    init: Any = cls.__init__  # type: ignore[misc]
    try:
        annotations = getattr(init, "__annotations__", {})
        asked = {name: annotations[name] for name in names if name in annotations}
        holder: Any = types.SimpleNamespace(__annotations__=asked)
        return typing.get_type_hints(holder, getattr(init, "__globals__", {}))
    except NameError as error:
        raise UsageError(
            f"an option of {cls.__module__}.{cls.__qualname__} has a type that cannot be found ({error}); import it "
            "outside `if TYPE_CHECKING`."
        ) from error


@dataclass(frozen=True)
class Component(Generic[T]):
    """A class and its options, read from a configuration and checked, but not built yet.

    Parameters
    ----------
    cls : the class.
    options : its keyword arguments as far as they were given, each cast to the type of its annotation.
    path : key of the configuration where it stands, for messages.
    """

    cls: type[T]
    options: Mapping[str, Any]
    path: str = ""

    @classmethod
    def read(cls, node: Mapping[str, Any], path: str, contract: type[T]) -> "Component[T]":
        """Return the component of a node, `_target_` and options.

        Raises
        ------
        UsageError : if its class does not derive from `contract`, lacks an option, or takes another type for it.
        """
        found = load_class(node.get(TARGET))
        if not issubclass(found, contract):
            raise UsageError(
                f"{path}.{TARGET} is {node[TARGET]}, which is not a {contract.__name__}; derive it from "
                f"{contract.__module__}.{contract.__qualname__}."
            )
        return cls(found, options_of(node, path), path)

    def option(self, name: str) -> Any:
        """Return an option, or its default; None for one that the class does not have."""
        return self.options.get(name, defaults(self.cls).get(name))

    def build(self, **provided: Any) -> T:
        """Build the component.

        Parameters
        ----------
        provided : arguments that are made at run time; the class gets those that it names. A function among them is
            called only if its result is needed.

        Raises
        ------
        UsageError : if an argument without default is missing.
        """
        known = parameters(self.cls)
        asked = {
            name: value() if isinstance(value, types.FunctionType | types.MethodType) else value
            for name, value in provided.items()
            if name in known
        }
        given = {**self.options, **asked}
        missing = [name for name, own in known.items() if own.default is inspect.Parameter.empty and name not in given]
        if missing:
            raise UsageError(
                f"{self.path}.{TARGET} is {self.cls.__module__}.{self.cls.__qualname__}, which needs "
                f"{', '.join(missing)}, which is not available here; choose another class."
            )
        return self.cls(**given)


def build(node: Mapping[str, Any], path: str = "", **provided: Any) -> Any:
    """Build the component that a node describes; see `Component.build`."""
    return Component.read(node, path, object).build(**provided)


def require_choices(component: Any, group: str) -> None:
    """Check the options of a dataclass that have a fixed set of values, for components made without a configuration.

    Raises
    ------
    UsageError : for a value that the option's `Literal` type does not name.
    """
    hints = typing.get_type_hints(type(component))
    for own in dataclasses.fields(component):
        hint = hints[own.name]
        if any(typing.get_origin(kind) is typing.Literal for kind in (hint, *typing.get_args(hint))):
            cast(getattr(component, own.name), hint, f"{group}.{own.name}")
