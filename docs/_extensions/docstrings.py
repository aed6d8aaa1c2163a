"""Docstrings of this project in the form that napoleon reads.

A parameter's description stands beside its name here (`rate : share of the rows kept`), since the signature gives its
type; numpydoc would take that description for the type.
"""

import re
from typing import Any

from sphinx.application import Sphinx

NAMED = ("Parameters", "Attributes", "Raises", "Returns", "Yields", "Other Parameters")


def describe_below(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Move each description below its name, in place; keep bars from being taken for substitutions."""
    moved, is_named = [], False
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if following and set(following) == {"-"}:
            is_named = line in NAMED
        found = re.match(r"([\w*][\w*, ]*) : (.+)", line) if is_named else None
        moved += [found[1], f"    {found[2]}"] if found else [line]
    if what in ("attribute", "data"):
        # napoleon would take the words before a colon for the type of a value.
        moved.insert(0, "")
    lines[:] = [line if ">>>" in line else _with_bars(line) for line in moved]


def _with_bars(line: str) -> str:
    """Escape the bars of a line that stand outside of code."""
    parts = line.split("`")
    return "`".join(part if number % 2 else part.replace("|", "\\|") for number, part in enumerate(parts))


def setup(app: Sphinx) -> dict[str, bool]:
    """Take part before napoleon does."""
    app.connect("autodoc-process-docstring", describe_below, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
