"""Modules that differ between the code of two runs, if a source tree with both commits is available."""

import ast
import re
import subprocess
from collections.abc import Mapping
from typing import Any

from cadc.ledger.identity import COVERED_BY_CONTENT
from cadc.paths import PACKAGE
from cadc.provenance.fingerprint import can_change_results, tree_hash

COMMIT = re.compile(r"[0-9a-f]{7,64}")


def changed_modules(one: Mapping[str, Any], two: Mapping[str, Any]) -> list[str] | None:
    """Return the modules of `cadc` that can change a result and differ between two commits; None if this is unknown.

    Differences in comments, docstrings and layout do not count.

    Parameters
    ----------
    one, two : the part `code` of two records.
    """
    commits = [code.get("commit") for code in (one, two)]
    # They come from a record and become arguments of a command.
    if not all(isinstance(commit, str) and COMMIT.fullmatch(commit) for commit in commits):
        return None
    if one.get("dirty") is not False or two.get("dirty") is not False:
        return None
    listed = _git("diff", "--name-only", "--no-renames", "-z", *map(str, commits), "--", "cadc/*.py")
    if listed is None:
        return None
    modules = {}
    for path in filter(None, listed.decode(errors="replace").split("\0")):
        modules[path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")] = path
    return sorted(
        module
        for module, path in modules.items()
        if _can_matter(module) and _hash(commits[0], path) != _hash(commits[1], path)
    )


def _can_matter(module: str) -> bool:
    covered = any(module == other or module.startswith(f"{other}.") for other in COVERED_BY_CONTENT)
    return can_change_results(module) and not covered


def _hash(commit: Any, path: str) -> str | None:
    source = _git("show", f"{commit}:{path}")
    try:
        return tree_hash(ast.parse(source)) if source is not None else None
    except (SyntaxError, ValueError):
        return None


def _git(*arguments: str) -> bytes | None:
    try:
        done = subprocess.run(["git", "-C", str(PACKAGE.parent), *arguments], capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
