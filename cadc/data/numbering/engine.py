"""Which engine numbers the ids and categories of a log while it is prepared."""

from typing import Literal

from cadc.data.numbering.in_memory import InMemory
from cadc.data.numbering.numbering import Numbering
from cadc.data.numbering.on_disk import OnDisk, has_duckdb, require_duckdb
from cadc.errors import UsageError

Engine = Literal["auto", "memory", "duckdb"]
ENGINES = ("auto", "memory", "duckdb")
LARGE_BYTES = 2 << 30
"""Files of more bytes may hold more different values than a dictionary in memory should."""


def numbering_of(engine: Engine, n_bytes: int) -> type[Numbering]:
    """Return what numbers raw values; the log is the same with either.

    Parameters
    ----------
    engine : `memory`, `duckdb`, or `auto`, which is `duckdb` where it is installed and the files are large.
    n_bytes : bytes of the files.

    Raises
    ------
    UsageError : for `duckdb` if it is not installed.
    """
    if engine == "duckdb":
        require_duckdb()
        return OnDisk
    return OnDisk if engine == "auto" and n_bytes >= LARGE_BYTES and has_duckdb() else InMemory


def require_engine(engine: str) -> None:
    """Raise a UsageError for an engine that does not exist.

    >>> require_engine("spark")
    Traceback (most recent call last):
    cadc.errors.UsageError: data.engine is 'spark'; it must be auto, memory or duckdb.
    """
    if engine not in ENGINES:
        raise UsageError(f"data.engine is {engine!r}; it must be auto, memory or duckdb.")
