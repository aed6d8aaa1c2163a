"""What makes two computations the same: their options, and the code that can change their result.

Options that equal their default are left out and values are cast to their type, so that a new option with a
default, or `1` for `1.0`, leaves finished runs valid. Code counts as its syntax tree without docstrings,
followed through the imports of `cadc` and plug-in modules; comments and layout do not count.
"""

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from cadc.components import TARGET, allowed_packages, cast_options, load_class, name_of, options_of, parameters
from cadc.errors import UsageError

WITHOUT_EFFECT = (
    "cadc.attempt",
    "cadc.cache",
    "cadc.cli",
    "cadc.components",
    "cadc.errors",
    "cadc.estimate",
    "cadc.experiment",
    "cadc.identity",
    "cadc.jobs",
    "cadc.launching",
    "cadc.lease",
    "cadc.ledger",
    "cadc.measure",
    "cadc.mirrors",
    "cadc.outcome",
    "cadc.paths",
    "cadc.progress",
    "cadc.recording",
    "cadc.reporting",
    "cadc.signals",
    "cadc.sweep",
    "cadc.training.progress",
    "cadc.tuning",
)
"""Modules that cannot change a result: they choose, store, measure or show it."""


def digest(value: Any, length: int = 16) -> str:
    """Return the first `length` hexadecimal digits of SHA-256 of a JSON value with sorted keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def file_hash(path: Path) -> str:
    """Return SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe(component: Any) -> dict[str, Any]:
    """Return a component's class and those of its options that differ from their default.

    Options that say where or how fast something runs (the class attribute `without_effect`) are left out.

    Parameters
    ----------
    component : a node of the configuration, or an object that keeps each option in an attribute of its name.
    """
    if isinstance(component, Mapping):
        cls = load_class(component[TARGET])
        options = options_of(component)
    else:
        cls = type(component)
        options = {name: getattr(component, name) for name in parameters(cls)}
        for name, value in options.items():
            # An argument that no configuration could give stays as it is.
            with suppress(UsageError):
                options |= cast_options(cls, {name: value})
    known, skipped = parameters(cls), getattr(cls, "without_effect", ())
    differing = {name: value for name, value in options.items() if name not in skipped and value != known[name].default}
    return {"class": name_of(cls), **differing}


def code_hash(modules: Iterable[str], leave_out: tuple[str, ...] = ()) -> str:
    """Return a hash of the syntax trees of these modules and of all that they import from allowed packages.

    Parameters
    ----------
    modules : names to start from.
    leave_out : modules and packages that do not count, nor what only they import; `WITHOUT_EFFECT` never counts.
    """
    skipped = {*WITHOUT_EFFECT, *leave_out}
    seen: set[str] = set()
    pending = list(modules)
    while pending:
        module = pending.pop()
        parents = {module.rsplit(".", depth)[0] for depth in range(module.count(".") + 1)}
        if module not in seen and not parents & skipped:
            seen.add(module)
            pending.extend(_module(module)[1])
    return digest({module: _module(module)[0] for module in sorted(seen)})


@cache
def _module(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the hash of a module's syntax tree, and the modules of allowed packages that it imports."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return "", ()
    tree = ast.parse(Path(spec.origin).read_bytes())
    package = spec.name if spec.submodule_search_locations else spec.parent
    return tree_hash(tree), tuple(_imports(tree, package or ""))


def tree_hash(tree: ast.AST) -> str:
    """Return the hash of a syntax tree; its docstrings, which do not count, are removed from it."""
    _drop_docstrings(tree)
    return digest(_plain(tree))


def _drop_docstrings(tree: ast.AST) -> None:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # Strings standing alone document a module, a class, a function or a constant.
            node.body = [  # type: ignore[attr-defined]
                line for line in body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ]


def _plain(node: Any) -> Any:
    """Return a tree as lists, without positions and empty parts, so that Python versions agree on it."""
    if isinstance(node, ast.AST):
        parts = [[name, _plain(value)] for name, value in ast.iter_fields(node) if value not in (None, [])]
        return [type(node).__name__, *parts]
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return repr(node)


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the modules that a module of this package imports, at its top or inside its functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] in allowed_packages() and _exists(name):
                yield name


@cache
def _exists(module: str) -> bool:
    try:
        parent = importlib.util.find_spec(module.rpartition(".")[0]) if "." in module else None
        if parent is not None and parent.submodule_search_locations is None:
            return False  # a name inside a module; asking for it would import the module
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
