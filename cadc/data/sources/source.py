"""Base class of data sources: everything that preparation and `cadc data` ask of one."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from cadc.data.files.formats import Quoting
from cadc.data.raw import RawLog
from cadc.data.transform.auto import AutoTransform
from cadc.data.transform.transform import DenseTransform


class Source(ABC):
    """A data set: where its raw content is, and how it is read.

    A subclass takes its options as keyword arguments and keeps each in an attribute of the same name; the cache of
    prepared logs is keyed by them. `cadc.data.raw` describes what `read` returns.

    Examples
    --------
    A log of coin tosses:

    >>> import numpy as np
    >>> from cadc.data import Chunk, EntityTable, Field, Schema
    >>> from cadc.data.prepare import prepare
    >>> from cadc.data.split import RandomSplit
    >>> class Coin(Source):
    ...     name = "coin"
    ...
    ...     def __init__(self, n_rows=1000):
    ...         self.n_rows = n_rows
    ...
    ...     def fingerprint(self):
    ...         return {}
    ...
    ...     def edition(self, fingerprint):
    ...         return "generated"
    ...
    ...     def read(self):
    ...         rng = np.random.default_rng(0)
    ...         chunk = Chunk(rng.integers(2, size=self.n_rows).astype(np.float32))
    ...         chunk.entities["user"] = rng.integers(20, size=self.n_rows).astype(np.int32)
    ...         return RawLog(Schema((Field("user", "user"),)), {"user": EntityTable(np.arange(20))}, [chunk])
    >>> prepare(Coin(), RandomSplit()).n_rows("train")
    800
    """

    name: str
    """Name of the data set in records and tables."""

    without_effect: ClassVar[tuple[str, ...]] = ()
    """Options that say where files are; what is in them counts, not where they are."""

    extra_columns: ClassVar[tuple[str, ...]] = ()
    """Columns of its chunks that only some sources have: `oracle`, and `rating`, which may depend on its options."""

    dense_transform: ClassVar[type[DenseTransform]] = AutoTransform
    """What becomes of its dense columns unless the configuration says otherwise."""

    def place(self) -> str:
        """Return where the raw content is or how to get it, as `cadc data list` shows it; do not fetch anything."""
        return "generated"

    def own_quoting(self) -> Quoting:
        """Return how values are quoted in the log's own file, and in new rows; see `cadc.data.columns`."""
        return "auto"

    def own_header(self) -> bool:
        """Return whether the log's own file begins with names of columns, which have numbers otherwise."""
        return True

    def own_names(self) -> dict[str, str]:
        """Return the names that `user`, `item` and `time` have in the log's own file, where these differ.

        New rows may use either, see `cadc predict`.
        """
        return {}

    @classmethod
    def completed(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of a configuration with those that a file which they name adds.

        Raises
        ------
        CadcError : if the file cannot be read.
        """
        return dict(options)

    @classmethod
    def brings_parts(cls, options: Mapping[str, Any]) -> bool:
        """Tell whether the data says which part each row belongs to; then `data/split=given` is the default.

        Parameters
        ----------
        options : of the class.
        """
        return False

    @abstractmethod
    def fingerprint(self) -> dict[str, str]:
        """Return the SHA-256 of every raw file by file name; empty for generated data."""

    @abstractmethod
    def edition(self, fingerprint: dict[str, str]) -> str:
        """Return which edition the files with these hashes are.

        `published`: the publisher's own files; `local`: other files; `rolling`: files that their publisher replaces
        from time to time, so downloads may differ; `generated`: there are no files.
        """

    @abstractmethod
    def read(self) -> RawLog:
        """Return the raw log: entities are read or generated at once, and rows in chunks on demand.

        Raises
        ------
        DataError : if a file is not as expected; the message names the file, the line or row, and the column.
        """
