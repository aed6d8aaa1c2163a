"""Errors that are the user's to mend: one sentence each, and the exit status it ends the command with."""


class CadcError(Exception):
    """A failure that one sentence explains: what was found, what was expected, what to do."""

    exit_status = 1


class UsageError(CadcError):
    """The words of a command or configuration are wrong, so nothing was started."""

    exit_status = 2


class DataError(CadcError):
    """A file, or what it holds, is not what the reader expects."""
