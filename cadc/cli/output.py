"""What commands print on standard output."""

from cadc.errors import UsageError
from cadc.escape import terminal
from cadc.terminal.streams import is_output_closed


def require_output(what: str) -> None:
    """Raise a UsageError if standard output is closed, for commands whose only result goes there.

    Parameters
    ----------
    what : would be lost.
    """
    if is_output_closed():
        raise UsageError(f"standard output is closed, so {what} would be lost; write them to a file.")


def show(*lines: object) -> None:
    """Print each text as one line, whatever names are in it."""
    for line in lines:
        print(terminal(str(line)), flush=True)
