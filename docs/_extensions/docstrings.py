"""Docstrings of this project in the form that napoleon reads.

A parameter's description stands beside its name here (`rate : share of the rows kept`), since the signature gives its
type; numpydoc would take that description for the type.
"""

import re
from typing import Any

from sphinx.application import Sphinx

NAMED = ("Parameters", "Attributes", "Raises", "Returns", "Yields", "Other Parameters")


def describe_below(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Move each description below its name, in place; code in backticks becomes literal."""
    moved, is_named = [], False
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if following and set(following) == {"-"}:
            is_named = line in NAMED
        found = re.match(r"([\w*][\w*, ]*) : (.+)", line) if is_named else None
        moved += [found[1], f"    {found[2]}"] if found else [line]
    lines[:] = [line if ">>>" in line else _as_code(line) for line in moved]


def _as_code(line: str) -> str:
    """Write code with two backticks, which allow any text inside, and escape what else has a meaning outside of it."""
    parts = re.split(r"(?<![`:])`([^`]+)`(?!`)", line)
    for number, part in enumerate(parts):
        if number % 2:
            follows = parts[number + 1][:1]
            parts[number] = f"``{part}``" + ("\\ " if follows.isalnum() else "")
        elif "``" not in part:
            parts[number] = re.sub(r"\*(?=\w+\])", r"\\*", part.replace("|", "\\|"))
    return "".join(parts)


def setup(app: Sphinx) -> dict[str, bool]:
    """Take part before napoleon does."""
    app.connect("autodoc-process-docstring", describe_below, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
