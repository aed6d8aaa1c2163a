"""The classes that a configuration may name by `_target_`.

Only classes defined in `cadc`, or in packages that the user installed as plug-ins (entry points of the group
`cadc.plugins`), are imported: the name is checked before anything is imported. A class that was moved to another file
is found under its old name, so that records made before the move stay readable.
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
"""Names joined by dots, without dunder names; letters that only look like ASCII do not match."""

RENAMED = {"FullTable": "Full"}
"""Classes that older records know by another name."""


@cache
def allowed_packages() -> tuple[str, ...]:
    """Return `cadc` and the packages of installed plug-ins."""
    plugins = {point.module.split(".")[0] for point in entry_points(group="cadc.plugins")}
    return ("cadc", *sorted(plugins))


def load_class(target: Any) -> type:
    """Import the class that a configuration or a record names.

    Raises
    ------
    UsageError : if the name leads outside the allowed packages, or to no class defined in one of them.
    """
    if not isinstance(target, str):
        raise UsageError(f"_target_ {shown(target)} is not a text that names a class.")
    if len(target) > 200 or CLASS_PATH.fullmatch(target) is None:
        raise UsageError(f"_target_ {shown(target)} is not the name of a class; write, say, cadc.models.dlrm.DLRM.")
    return _load_class(target)


def class_name(cls: type) -> str:
    """Return the name by which identities know a class: its package and its own name, whichever file it is in.

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
            f"_target_ {target!r} is not allowed: only classes of {', '.join(allowed_packages())} can be built; "
            "install a package with an entry point in the group cadc.plugins to add your own."
        )
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, SyntaxError) as error:
        moved = _moved(module_name, RENAMED.get(name, name))
        if moved is None:
            raise UsageError(f"_target_ {target!r} names nothing that exists ({error}).") from error
        found = getattr(importlib.import_module(moved), RENAMED.get(name, name))
    except Exception as error:
        raise UsageError(f"_target_ {target!r} cannot be imported ({type(error).__name__}: {error}).") from error
    if not isinstance(found, type) or found.__module__.partition(".")[0] not in allowed_packages():
        raise UsageError(f"_target_ {target!r} is not a class defined in {module_name}.")
    if inspect.isabstract(found):
        raise UsageError(f"_target_ {target!r} is a base class; name one of the classes derived from it.")
    return found


def _moved(module_name: str, name: str) -> str | None:
    """Return the only module of a package that defines a class of this name, preferring files of the same name."""
    package, _, rest = module_name.partition(".")
    spec = importlib.util.find_spec(package)
    roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
    defining = [
        (root, path)
        for root in roots
        for path in sorted(root.rglob("*.py"))
        if (text := path.read_text(errors="replace")).find(f"class {name}") >= 0 and _defines(text, name)
    ]
    same_file = [(root, path) for root, path in defining if path.stem == rest.rpartition(".")[2]]
    found = same_file or defining
    if len(found) != 1:
        return None
    root, path = found[0]
    return ".".join((package, *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")


def _defines(text: str, name: str) -> bool:
    try:
        return any(isinstance(node, ast.ClassDef) and node.name == name for node in ast.parse(text).body)
    except (SyntaxError, ValueError):
        return False
