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
    # What follows is the configuration, which has a page of its own.
    return out.getvalue().partition("\n\ngroups, GROUP=OPTION")[0].rstrip()


def markdown() -> str:
    """Return a section for each command."""
    return "\n\n".join(f"## `cadc {name}`\n\n```text\n{help_of(name)}\n```" for name in COMMANDS)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    return add_directive(app, "command-reference", markdown)
