"""Types of the options of a class, read from its source, so that neither the class nor what it imports is loaded.

A command checks what it was given before PyTorch is imported, which takes two seconds. What the source does not tell,
such as the options of a class that inherits from another library, is left to the check of the class itself.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Union

from cadc.configuration.class_lookup import CLASS_PATH, allowed_packages

TYPES: dict[str, Any] = {"bool": bool, "int": int, "float": float, "str": str, "Any": Any}
LISTS: dict[str, Any] = {"list": list, "List": list, "tuple": tuple, "Tuple": tuple, "Sequence": Sequence}


@dataclass(frozen=True)
class Signature:
    """What the source of a class says about it.

    Parameters
    ----------
    summary : first sentence of its docstring, without the full stop.
    hints : type of each option as far as the source tells it; Any for the others.
    """

    summary: str
    hints: Mapping[str, Any]


class _Unknown(Exception):
    """The source alone does not tell."""


@cache
def signature_of(target: str) -> Signature | None:
    """Return the signature of a class; None if its source does not tell.

    Parameters
    ----------
    target : path of the class, such as `cadc.models.dlrm.DLRM`.

    >>> signature_of("cadc.sampling.uniform.UniformSampler").hints
    {'rate': <class 'float'>}
    """
    if CLASS_PATH.fullmatch(target) is None or target.partition(".")[0] not in allowed_packages():
        return None
    module, _, name = target.rpartition(".")
    try:
        home, node = _class(module, name)
        return Signature(_summary(ast.get_docstring(node)), dict(_options(home, node)))
    except _Unknown:
        return None


def choices_of(hint: Any) -> list[Any]:
    """Return the values that a type lists: those of a Literal, of its parts, and of truth values.

    >>> choices_of(Literal["row", "pair"] | None), choices_of(bool), choices_of(int)
    (['row', 'pair', None], [True, False], [])
    """
    from typing import get_args, get_origin

    if hint is bool:
        return [True, False]
    if hint is type(None):
        return [None]
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    parts = get_args(hint) if get_origin(hint) is Union or type(hint).__name__ == "UnionType" else ()
    return [value for part in parts for value in choices_of(part)]


def _summary(docstring: str | None) -> str:
    first = (docstring or "").split("\n\n")[0]
    return " ".join(first.split()).partition(". ")[0].rstrip(".")


@cache
def _tree(module: str) -> ast.Module:
    """Return the syntax tree of a module of an allowed package."""
    package, *parts = module.split(".")
    spec = find_spec(package) if package in allowed_packages() else None
    for root in (spec.submodule_search_locations or []) if spec else []:
        own = Path(root, *parts)
        for path in (own.with_suffix(".py"), own / "__init__.py"):
            if path.is_file():
                return ast.parse(path.read_bytes())
    raise _Unknown


def _class(module: str, name: str) -> tuple[str, ast.ClassDef]:
    """Return a class and the module that defines it, which may be another than the one that names it."""
    home, node = _defined(module, name)
    if not isinstance(node, ast.ClassDef):
        raise _Unknown
    return home, node


@cache
def _defined(module: str, name: str) -> tuple[str, ast.AST]:
    """Return what a name of a module stands for, a class or the value of an assignment, and where that is defined."""
    for node in _statements(_tree(module)):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return module, node
        if isinstance(node, ast.Assign) and any(isinstance(own, ast.Name) and own.id == name for own in node.targets):
            return module, node.value
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            if node.value is None:
                raise _Unknown
            return module, node.value
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _defined(node.module, alias.name)
    raise _Unknown


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the statements of a module, those under `if TYPE_CHECKING:` included."""
    for node in tree.body:
        if isinstance(node, ast.If):
            yield from node.body
        else:
            yield node


def _options(module: str, node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    """Yield the options of a class and their types, inherited ones included."""
    decorators = {ast.unparse(own).partition("(")[0] for own in node.decorator_list}
    if decorators - {"dataclass"}:
        raise _Unknown
    for own in node.body:
        if isinstance(own, ast.FunctionDef) and own.name in ("__init__", "__new__"):
            for argument in (*own.args.args[1:], *own.args.kwonlyargs):
                yield argument.arg, _type(argument.annotation, module)
            return
    if not decorators:
        bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
        if not bases:
            raise _Unknown
        yield from _options(*_class(module, bases[0]))
        return
    for base in node.bases:
        # Others than dataclasses have no fields, such as ABC, whose source is not ours.
        with suppress(_Unknown):
            home, other = _class(module, ast.unparse(base))
            if any(ast.unparse(own).startswith("dataclass") for own in other.decorator_list):
                yield from _options(home, other)
    for own in node.body:
        if isinstance(own, ast.AnnAssign) and isinstance(own.target, ast.Name) and _is_field(own):
            yield own.target.id, _type(own.annotation, module)


def _is_field(node: ast.AnnAssign) -> bool:
    """Tell whether an annotation in a dataclass is an option that its `__init__` takes."""
    default = ast.unparse(node.value) if node.value else ""
    return not ast.unparse(node.annotation).startswith("ClassVar") and "init=False" not in default


def _type(node: ast.expr | None, module: str) -> Any:
    """Return the type that an annotation names; Any if the source does not tell."""
    try:
        return Any if node is None else _evaluated(node, module)
    except _Unknown:
        return Any


def _evaluated(node: ast.AST, module: str) -> Any:
    if isinstance(node, ast.Constant) and node.value is None:
        return type(None)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _evaluated(ast.parse(node.value, mode="eval").body, module)
    if isinstance(node, ast.Name):
        if node.id in TYPES:
            return TYPES[node.id]
        home, found = _defined(module, node.id)
        return _evaluated(found, home)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return Union[_evaluated(node.left, module), _evaluated(node.right, module)]  # noqa: UP007
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if node.value.id == "Literal" and all(isinstance(part, ast.Constant) for part in parts):
            return Literal[tuple(part.value for part in parts if isinstance(part, ast.Constant))]
        if node.value.id in LISTS:
            kind = LISTS[node.value.id]
            item: Any = _evaluated(parts[0], module)
            return kind[item, ...] if kind is tuple else kind[item]
    raise _Unknown
