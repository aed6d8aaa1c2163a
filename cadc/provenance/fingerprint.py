"""Fingerprints of a computation: its options, and the code that can change its result.

Options that equal their default are left out and values are cast to their type, so that a new option with a default,
or `1` in place of `1.0`, leaves finished runs valid. The code is hashed as the syntax trees of the modules that can
change a result, found by following imports. Docstrings, comments, layout, `__all__`, the places of files and import
statements do not count, but for names that an import changes.
"""

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from cadc.configuration.class_lookup import allowed_packages, class_name
from cadc.configuration.components import Component, cast_options, parameters
from cadc.configuration.public_names import homes_of
from cadc.errors import UsageError

CAN_CHANGE_RESULTS = (
    "cadc.adam",
    "cadc.data",
    "cadc.distributed.portion",
    "cadc.distributed.ranks",
    "cadc.embeddings",
    "cadc.evaluation",
    "cadc.factorization",
    "cadc.models",
    "cadc.pipeline.build",
    "cadc.pipeline.evaluate",
    "cadc.pipeline.kept_rows",
    "cadc.pipeline.run",
    "cadc.pipeline.segment_factors",
    "cadc.pipeline.segment_models",
    "cadc.pipeline.segment_row",
    "cadc.pipeline.settings",
    "cadc.pipeline.stream",
    "cadc.pipeline.stream_run",
    "cadc.provenance.threads",
    "cadc.randomness",
    "cadc.sampling",
    "cadc.streams",
    "cadc.training",
    "cadc.views",
)
"""Packages and modules of `cadc` whose code can change a result; all code of plug-ins can.

The others choose, store, measure or show results.
"""


def digest(value: Any, length: int = 16) -> str:
    """Return the first `length` hexadecimal digits of the SHA-256 of a JSON value, whatever the order of its keys.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe(component: Any) -> dict[str, Any]:
    """Return the class of a component and those of its options that differ from their default.

    Options that the class lists in its attribute `without_effect` are left out: they say where or how fast something
    runs.

    Parameters
    ----------
    component : a `Component`, or an object that keeps each option in an attribute of the same name.
    """
    if isinstance(component, Component):
        cls, options = component.cls, dict(component.options)
    else:
        cls = type(component)
        options = {name: getattr(component, name) for name in parameters(cls)}
        for name, value in options.items():
            # A value that no configuration can hold stays as it is.
            with suppress(UsageError):
                options |= cast_options(cls, {name: value})
    known, skipped = parameters(cls), getattr(cls, "without_effect", ())
    differing = {name: value for name, value in options.items() if name not in skipped and value != known[name].default}
    return {"class": class_name(cls), **differing}


def code_hash(modules: Iterable[str], leave_out: tuple[str, ...] = ()) -> str:
    """Return a hash of the code of some modules, and of everything they import that can change a result.

    Names of modules and of what is imported do not count, so that moving a file leaves the hash as it is.

    Parameters
    ----------
    modules : names of the modules to start from.
    leave_out : modules and packages that do not count; what only they import does not count either.
    """
    seen: dict[str, str] = {}
    pending = list(modules)
    while pending:
        module = pending.pop()
        if module not in seen and can_change_results(module) and not _is_inside(module, leave_out):
            seen[module], imported = _module(module)
            pending.extend(imported)
    return digest(sorted(set(seen.values()) - {NO_CODE}))


@cache
def can_change_results(module: str) -> bool:
    """Tell whether the code of a module can change a result.

    >>> can_change_results("cadc.models.dlrm"), can_change_results("cadc.reporting.table")
    (True, False)
    """
    return not _is_inside(module, ("cadc",)) or _is_inside(module, CAN_CHANGE_RESULTS)


def _is_inside(module: str, packages: Iterable[str]) -> bool:
    return f"{module}.".startswith(tuple(f"{package}." for package in packages))


@cache
def _module(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the hash of a module's syntax tree, and the modules of allowed packages that it imports."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return NO_CODE, ()
    tree = ast.parse(Path(spec.origin).read_bytes())
    package = spec.name if spec.submodule_search_locations else spec.parent
    return tree_hash(tree), tuple(_imports(tree, package or ""))


def tree_hash(tree: ast.AST) -> str:
    """Return the hash of a syntax tree without docstrings, imports and `__all__`.

    What an import renames stays: `import bpr as loss` is other code than `import hinge as loss`.
    """
    return digest(_plain(tree))


def _plain(node: Any) -> Any:
    """Return a tree as nested lists without positions and empty parts, which all Python versions agree on."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    parts: list[Any] = [type(node).__name__]
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            value = [_renames(item) for item in value if not _is_left_out(item)]
        if value is not None and value != []:
            parts.append([name, _plain(value)])
    return parts


def _is_left_out(line: Any) -> bool:
    """Tell whether a statement is an import, `__all__`, or a string on its own, which is documentation."""
    if isinstance(line, ast.Expr):
        return isinstance(line.value, ast.Constant)
    if isinstance(line, ast.Assign):
        return [ast.unparse(name) for name in line.targets] == ["__all__"]
    return isinstance(line, ast.Import) or (isinstance(line, ast.ImportFrom) and not _renamed(line))


def _renames(line: Any) -> Any:
    """Return an import without all that it does not rename; other statements as they are."""
    return ast.ImportFrom(None, _renamed(line), 0) if isinstance(line, ast.ImportFrom) else line


def _renamed(line: ast.ImportFrom) -> list[ast.alias]:
    return [alias for alias in line.names if alias.asname not in (None, alias.name)]


NO_CODE = tree_hash(ast.parse(""))
"""Hash of a file without code, such as the `__init__` of a package; it cannot change a result."""


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the modules that a module of `package` imports, at its top or inside its functions."""
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            # Looking up what is inside other packages would import them.
            names = [_home(module, alias.name) for alias in node.names] if _is_allowed(module) else []
        else:
            continue
        for name in names:
            if _is_allowed(name) and _exists(name):
                yield name


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements below a node; expressions, which hold none, are most of a tree."""
    for part in ("body", "handlers", "cases", "orelse", "finalbody"):
        for line in getattr(node, part, ()):
            yield line
            yield from _statements(line)


def _is_allowed(module: str) -> bool:
    return module.partition(".")[0] in allowed_packages()


@cache
def _home(module: str, name: str) -> str:
    """Return the module in which `name` of `from module import name` is defined.

    If a package offers the name of one of its modules, it is that module; whatever else the package offers, now or
    later, does not count.
    """
    if _exists(inside := f"{module}.{name}"):
        return inside
    spec = importlib.util.find_spec(module) if _exists(module) else None
    if spec is None or spec.origin is None or not spec.submodule_search_locations:
        return module
    home = homes_of(Path(spec.origin), module).get(name)
    return _home(*home) if home and home != (module, name) else module


@cache
def _exists(module: str) -> bool:
    try:
        parent = importlib.util.find_spec(module.rpartition(".")[0]) if "." in module else None
        if parent is not None and parent.submodule_search_locations is None:
            return False  # a name inside a module; looking it up would import the module
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
