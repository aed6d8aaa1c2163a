"""What commands print on standard output, and the remark that not all of it fits."""

from cadc.errors import UsageError
from cadc.escape import terminal
from cadc.terminal.progress import say
from cadc.terminal.streams import is_output_closed


def require_output(what: str) -> None:
    """Raise a UsageError if standard output is closed, for commands whose only result goes there.

    Parameters
    ----------
    what : would be lost.
    """
    if is_output_closed():
        raise UsageError(f"standard output is closed, so {what} would be lost; write them to a file.")


def remark_cut(is_cut: bool) -> None:
    """Say on standard error that `--wide` shows more, if columns or texts were left out or cut."""
    if is_cut:
        say("Some columns or texts do not fit this terminal; --wide shows them.")


def show(*lines: object) -> None:
    """Print each text as one line, whatever names are in it."""
    for line in lines:
        print(terminal(str(line)), flush=True)
