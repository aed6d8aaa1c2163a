"""What a split is: which rows train, which choose (validation) and which judge (test)."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")
"""The parts of a split log."""


class Split(ABC):
    """Assigns every row of a log to one of `SPLITS`.

    A subclass keeps each of its options in an attribute of the same name, since the cache of prepared logs is keyed by
    them.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    """Columns of the log that it cannot do without: any of `user`, `item` and `time`."""

    takes: ClassVar[tuple[str, ...]] = ()
    """Further columns that it looks at where the log has them; an absent one is given as None."""

    @abstractmethod
    def assign(self, n_rows: int, generator: np.random.Generator, *args: Any, **columns: Any) -> NDArray[np.uint8]:
        """Return each row's place in `SPLITS`, uint8, shape [n_rows].

        Parameters
        ----------
        n_rows : length of the columns.
        generator : of all random choices.
        columns : those of `needs` and `takes`, by name, shape [n_rows]: `user` and `item` count entities from 0
            (int32), `time` is in seconds (int64). They may be memory-mapped.

        Raises
        ------
        DataError : for columns that this split cannot work with.
        """

    def remark(self, place: NDArray[np.uint8], *args: Any, **columns: Any) -> str:
        """Return a sentence about these parts that the user should read and the log should keep; empty for none.

        Parameters
        ----------
        place : as `assign` returned it.
        columns : as `assign` was given them.
        """
        return ""
