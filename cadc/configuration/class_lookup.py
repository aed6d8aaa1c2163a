"""Look-up of the classes that a configuration names by `_target_`.

Only classes of `cadc` and of installed plug-ins (entry points of the group `cadc.plugins`) are allowed; the name is
checked before anything is imported. A class that has moved to another file is found under its old path, so that older
records stay readable.
"""

import ast
import importlib
import importlib.util
import inspect
import re
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from cadc.errors import UsageError, shown

CLASS_PATH = re.compile(r"(?:(?!__)[A-Za-z_][A-Za-z0-9_]*\.)+(?!__)[A-Za-z_][A-Za-z0-9_]*")
"""ASCII names joined by dots, without dunder names."""

RENAMED = {"CSVCurves": "NoLogger", "FullTable": "Full", "NoMirror": "NoLogger", "WandbMirror": "WandbLogger"}
"""Current names of classes by their name in older records."""


@cache
def allowed_packages() -> tuple[str, ...]:
    """Return `cadc` and the packages of installed plug-ins."""
    plugins = {point.module.split(".")[0] for point in entry_points(group="cadc.plugins")}
    return ("cadc", *sorted(plugins))


def load_class(target: Any) -> type:
    """Import the class that a configuration or a record names.

    Parameters
    ----------
    target : path of the class, such as `cadc.models.dlrm.DLRM`.

    Raises
    ------
    UsageError : if the path is not that of a class defined in an allowed package.
    """
    if not isinstance(target, str):
        raise UsageError(f"_target_ is {shown(target)}; expected the path of a class, such as cadc.models.dlrm.DLRM.")
    if len(target) > 200 or CLASS_PATH.fullmatch(target) is None:
        raise UsageError(f"_target_ is {shown(target)}; expected the path of a class, such as cadc.models.dlrm.DLRM.")
    return _load_class(target)


def class_name(cls: type) -> str:
    """Return the name of a class in run ids: package and class name, without the module.

    >>> from cadc.sampling.uniform import UniformSampler
    >>> class_name(UniformSampler)
    'cadc.UniformSampler'
    """
    return f"{cls.__module__.partition('.')[0]}.{cls.__qualname__}"


@cache
def _load_class(target: str) -> type:
    module_name, _, name = target.rpartition(".")
    package = module_name.split(".")[0]
    if package not in allowed_packages():
        raise UsageError(
            f"_target_ {target!r} is not allowed; expected a class of {', '.join(allowed_packages())}. "
            "To add classes, install a package with an entry point in the group cadc.plugins."
        )
    found = _attribute(target)
    if found is None and (moved := _moved(module_name, RENAMED.get(name, name))):
        found = _attribute(f"{moved}.{RENAMED.get(name, name)}")
    if found is None:
        reason = f"no class {name}" if _exists(module_name) else "no such module"
        raise UsageError(f"_target_ {target!r} does not exist ({reason}); correct the path.")
    if not isinstance(found, type) or found.__module__.partition(".")[0] not in allowed_packages():
        raise UsageError(f"_target_ {target!r} is not a class that is defined in {module_name}; name one that is.")
    if inspect.isabstract(found):
        raise UsageError(f"_target_ {target!r} is an abstract base class; name a subclass.")
    return found


def _attribute(target: str) -> Any:
    """Return what a path names; None if there is no such module, or nothing of that name in it.

    Raises
    ------
    UsageError : if the module is there and cannot be imported.
    """
    module_name, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(module_name), name, None)
    except Exception as error:
        own = error.name if isinstance(error, ModuleNotFoundError) else None
        if own and f"{module_name}.".startswith(f"{own}."):
            return None
        raise UsageError(f"_target_ {target!r} cannot be imported ({type(error).__name__}: {error}).") from error


def _exists(module_name: str) -> bool:
    try:
        return importlib.util.find_spec(module_name) is not None
    except ModuleNotFoundError:
        return False


def _moved(module_name: str, name: str) -> str | None:
    """Return the only module of a package that defines a class of this name.

    Of several, a file of the same name is preferred, then one in the same part of the package, such as `cadc.models`.
    """
    package, _, rest = module_name.partition(".")
    spec = importlib.util.find_spec(package)
    roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
    found = [
        (root, path)
        for root in roots
        for path in sorted(root.rglob("*.py"))
        if (text := path.read_text("utf-8", errors="replace")).find(f"class {name}") >= 0 and _defines(text, name)
    ]
    found = [(root, path) for root, path in found if path.stem == rest.rpartition(".")[2]] or found
    found = [(root, path) for root, path in found if path.relative_to(root).parts[0] == rest.partition(".")[0]] or found
    if len(found) != 1:
        return None
    root, path = found[0]
    return ".".join((package, *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")


def _defines(text: str, name: str) -> bool:
    try:
        return any(isinstance(node, ast.ClassDef) and node.name == name for node in ast.parse(text).body)
    except (SyntaxError, ValueError):
        return False
