"""Errors that are the user's to mend: one sentence each, and the exit status it ends the command with."""


class CadcError(Exception):
    """A failure that one sentence explains: what was found, what was expected, what to do."""

    exit_status = 1


class UsageError(CadcError):
    """The words of a command or configuration are wrong, so nothing was started."""

    exit_status = 2


class Unreachable(UsageError):
    """A budget of bytes that a scheme of embedding tables cannot meet; a grid shows it as not applicable.

    Parameters
    ----------
    sentence : what is said.
    least : bytes that would do.
    """

    def __init__(self, sentence: str, least: int = 1) -> None:
        super().__init__(sentence)
        self.least = least


class DataError(CadcError):
    """A file, or what it holds, is not what the reader expects."""


class ByHand(DataError):
    """Data that no program can fetch is not there."""


class NotWritable(CadcError):
    """A folder of ours takes no more: the disk is full, or the folder read-only."""


class Lost(CadcError):
    """Another process took a run over, since this one gave no sign of life for too long."""


class Pruned(Exception):
    """A trial of a tuning was stopped early, since others did better at its age."""


MAX_SENTENCE = 1000
"""Characters of a sentence; a file or a word that is in it may be of any length."""


def shown(value: object, length: int = 80) -> str:
    """Return a value as a sentence shows it: on one line, and not all of it where it is long.

    >>> shown("a" * 30, 12)
    "'aaaa…aaaa'"
    """
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole numbers of more than some thousand digits
        text = "a number of thousands of digits"
    return text if len(text) <= length else f"{text[: length // 2 - 1]}…{text[1 - length // 2 :]}"


def one_line(sentence: str) -> str:
    """Return a sentence without what would break its line or steer a terminal, and not longer than a few lines."""
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in sentence[:MAX_SENTENCE])
    return text if len(sentence) <= MAX_SENTENCE else f"{text}…"


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
