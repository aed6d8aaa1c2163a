"""Names that a package offers, each loaded from its module when it is first asked for (PEP 562).

A package lists its public names once, as imports under `if TYPE_CHECKING:`, where type checkers and editors read them
too. Importing the package then loads none of its modules, and the code behind a run is followed name by name
(`cadc.provenance.fingerprint`), so that a class added beside others leaves the ids of their runs alone.
"""

import ast
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path
from typing import Any


def lazily(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package whose `__init__` imports its public names for type checkers.

    Parameters
    ----------
    package : its `__name__`; the list `__all__` of the module says which names are public.
    """
    module = sys.modules[package]

    def get(name: str) -> Any:
        homes = {} if name.startswith("_") else homes_of(Path(str(module.__file__)), package)
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home, own_name = homes[name]
        value = getattr(import_module(home), own_name)
        setattr(module, name, value)
        return value

    return get, lambda: sorted({*vars(module), *module.__all__} - {"TYPE_CHECKING", "lazily"})


@cache
def homes_of(path: Path, package: str) -> dict[str, tuple[str, str]]:
    """Return the module, and the name in it, of each name that the `__init__` of a package imports."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom):
            home = resolve_name("." * node.level + (node.module or ""), package)
            found |= {alias.asname or alias.name: (home, alias.name) for alias in node.names}
    return found
