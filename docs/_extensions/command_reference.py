"""The directive `command-reference`: the help of every command, as the command itself prints it."""

import os
from contextlib import redirect_stdout, suppress
from io import StringIO
from unittest.mock import patch

from generated import add_directive
from sphinx.application import Sphinx

from cadc.cli import COMMANDS, main


def help_of(*words: str) -> str:
    """Return what a command prints when asked for help."""
    out = StringIO()
    with redirect_stdout(out), suppress(SystemExit), patch.dict(os.environ, COLUMNS="100"):
        main([*words, "--help"])
    return out.getvalue().rstrip()


def subcommands(text: str) -> list[str]:
    """Return the commands that a help text lists in braces, such as those of `cadc data`."""
    usage = text.split("\n\n")[0]
    listed = usage.partition("{")[2].partition("}")[0]
    return [name.strip() for name in listed.split(",") if name.strip()] if usage.rstrip().endswith("...") else []


def markdown() -> str:
    """Return a section for each command."""
    parts = []
    for name in COMMANDS:
        text = help_of(name)
        parts += [f"## `cadc {name}`", f"```text\n{text}\n```"]
        for inner in subcommands(text):
            parts += [f"### `cadc {name} {inner}`", f"```text\n{help_of(name, inner)}\n```"]
    return "\n\n".join(parts)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    return add_directive(app, "command-reference", markdown)
