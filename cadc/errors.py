"""Errors that a user can put right: each is one clear sentence and the exit status of the command."""

import errno
import os

from cadc.escape import terminal, without_passwords

LACKS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
"""Numbers of the errors that end when there is room, or a permission, again."""


class CadcError(Exception):
    """A failure that one sentence explains: what was found, what was expected, what to do."""

    exit_status = 1


class UsageError(CadcError):
    """The arguments of a command or the configuration are wrong, so nothing was started."""

    exit_status = 2


class Unreachable(UsageError):
    """An embedding scheme cannot meet a budget of bytes; a grid shows such a run as not applicable.

    Parameters
    ----------
    sentence : message to the user.
    least : smallest budget, in bytes, that the scheme can meet.
    """

    def __init__(self, sentence: str, least: int = 1) -> None:
        super().__init__(sentence)
        self.least = least


class DataError(CadcError):
    """A file or its content is not what its reader expects."""


class MachineTrouble(CadcError):
    """Something that a run's configuration, data and code do not decide went wrong: a device, memory, a disk, a file.

    A run that meets it is interrupted, never recorded as failed: the same command goes on once the trouble is gone.
    `cadc.execution.failure` says which errors of libraries count as well.
    """


class NotDownloadable(DataError, MachineTrouble):
    """The files of a data set are missing, and only a person can fetch them."""


class Damaged(DataError, MachineTrouble):
    """A file that cadc wrote itself, in the cache or beside a run, is no longer what was written; it is made again."""


class DamagedCheckpoint(Damaged):
    """The checkpoint of a run cannot be resumed from; the run starts from its beginning."""


class NoDevice(MachineTrouble):
    """The GPU, or other device, that was asked for is not there, or does not work."""


class NotTogether(UsageError, MachineTrouble):
    """Several processes cannot train a run as one does; since a run's id does not tell them apart, nothing failed."""


class NotWritable(MachineTrouble):
    """Nothing can be written to one of cadc's folders: the disk is full, or the folder is read-only."""


class Lost(MachineTrouble):
    """Another process took a run over, because this one gave no sign of life for too long."""


class Pruned(Exception):
    """Optuna's pruner stopped a trial early, because other trials were better after as many epochs."""


MAX_SENTENCE = 1000
"""Longest message in characters; a file or an override that it quotes may be of any length."""


def shown(value: object, length: int = 80) -> str:
    """Return a value as messages quote it: its `repr` on one line, shortened in the middle if it is long.

    Parameters
    ----------
    value : any value.
    length : longest result in characters.

    Examples
    --------
    >>> shown("a" * 30, 12)
    "'aaaa…aaaa'"
    """
    try:
        text = without_passwords(repr(value))
    except ValueError:  # Python refuses to print whole numbers of several thousand digits
        text = "a number of thousands of digits"
    return text if len(text) <= length else f"{text[: length // 2 - 1]}…{text[1 - length // 2 :]}"


def one_line(sentence: str) -> str:
    r"""Return a message with control characters written out and at most `MAX_SENTENCE` characters.

    >>> one_line("two\nlines")
    'two\\nlines'
    """
    sentence = without_passwords(sentence)
    text = terminal(sentence[:MAX_SENTENCE])
    return text if len(sentence) <= MAX_SENTENCE else f"{text}…"


def reason(error: OSError) -> str:
    """Return in a few words why the operating system refused.

    >>> reason(FileNotFoundError(2, "No such file or directory", "log.csv"))
    'no such file or directory'
    """
    # Arrow sets the number and a text of its own, address look-ups a negative number.
    if error.errno and error.errno > 0:
        return os.strerror(error.errno).lower()
    return (error.strerror or str(error)).lower()


def is_lack(error: OSError) -> bool:
    """Tell whether the disk is full or a permission is missing.

    >>> is_lack(PermissionError(13, "Permission denied")), is_lack(FileExistsError(17, "File exists"))
    (True, False)
    """
    return error.errno in LACKS


def require_at_least(minimum: float, group: str, **options: float) -> None:
    """Raise a UsageError for the first option of a configuration group that is below the minimum, or is NaN.

    >>> require_at_least(1, "trainer", max_epochs=0)
    Traceback (most recent call last):
    cadc.errors.UsageError: trainer.max_epochs is 0; it must be at least 1.
    """
    for name, value in options.items():
        if not value >= minimum:
            raise UsageError(f"{group}.{name} is {value}; it must be at least {minimum}.")


def require_positive(group: str, **options: float) -> None:
    """Raise a UsageError for the first option of a configuration group that is not a finite number above 0.

    >>> require_positive("sampler", ridge=0.0)
    Traceback (most recent call last):
    cadc.errors.UsageError: sampler.ridge is 0.0; it must be a finite number above 0.
    """
    for name, value in options.items():
        if not 0 < value < float("inf"):
            raise UsageError(f"{group}.{name} is {value}; it must be a finite number above 0.")


def require_probability(group: str, **options: float) -> None:
    """Raise a UsageError for the first option of a configuration group that is not a number from 0 to below 1.

    >>> require_probability("model", dropout=1.0)
    Traceback (most recent call last):
    cadc.errors.UsageError: model.dropout is 1.0; expected a probability in [0, 1).
    """
    for name, value in options.items():
        if not 0 <= value < 1:
            raise UsageError(f"{group}.{name} is {value}; expected a probability in [0, 1).")
