"""Errors that are the user's to mend: one sentence each, and the exit status it ends the command with."""


class CadcError(Exception):
    """A failure that one sentence explains: what was found, what was expected, what to do."""

    exit_status = 1


class UsageError(CadcError):
    """The words of a command or configuration are wrong, so nothing was started."""

    exit_status = 2


class DataError(CadcError):
    """A file, or what it holds, is not what the reader expects."""


class NotWritable(CadcError):
    """A folder of ours takes no more: the disk is full, or the folder read-only."""


class Pruned(Exception):
    """A trial of a tuning was stopped early, since others did better at its age."""


def require_at_least(minimum: float, group: str, **options: float) -> None:
    """Raise a UsageError for the first option of a group that is below the minimum."""
    for name, value in options.items():
        if not value >= minimum:
            raise UsageError(f"{group}.{name} is {value}; it must be at least {minimum}.")


def require_positive(group: str, **options: float) -> None:
    """Raise a UsageError for the first option of a group that is not above zero."""
    for name, value in options.items():
        if not 0 < value < float("inf"):
            raise UsageError(f"{group}.{name} is {value}; it must be a finite number above 0.")
