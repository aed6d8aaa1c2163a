"""What a data source is: everything that preparing a log and `cadc data` ask of one."""

from abc import ABC, abstractmethod
from typing import ClassVar

from cadc.data.raw import RawLog


class Source(ABC):
    """A data set: where its raw content is and how it is read.

    A subclass keeps each of its options in an attribute of the same name, since the cache of prepared logs is keyed by
    them.
    """

    name: str
    """Of the data set, in records and tables."""

    extra_columns: ClassVar[tuple[str, ...]] = ()
    """Columns of its chunks that only some sources have, such as `oracle`; see `cadc.models.model.Model`."""

    def place(self) -> str:
        """Return where the raw content is, or how to get it, as `cadc data list` shows it; nothing is fetched."""
        return "generated"

    @abstractmethod
    def fingerprint(self) -> dict[str, str]:
        """Return SHA-256 of every raw file, by file name; empty for generated data."""

    @abstractmethod
    def edition(self, fingerprint: dict[str, str]) -> str:
        """Return what the files with these hashes are.

        `published` are the publisher's own; `local` are others; `rolling` are files that their publisher replaces
        from time to time, so that no two downloads need agree; `generated` are none.
        """

    @abstractmethod
    def read(self) -> RawLog:
        """Read, or generate, the log: entities at once, rows in chunks.

        Raises
        ------
        DataError : for a file that is not as expected, naming file, line or row, and column.
        """
