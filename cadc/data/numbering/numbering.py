"""Base class of numberings: the raw values of a column get numbers as they appear, chunk by chunk."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True)
class Numbered:
    """A column whose values all have their number.

    Parameters
    ----------
    values : the different raw values in the order of their numbers: a NumPy array, or an Arrow array, which needs no
        object in memory for each text, shape [v].
    of_places : the number of each place that `Numbering.add` returned, int32, shape [p], p ≥ 1; None if it returned
        numbers.
    """

    values: NDArray[Any] | pa.Array
    of_places: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.values)


class Numbering(ABC):
    """Numbers the raw values of one column from 0 on, in the order in which they first appear; missing ones are -1.

    All subclasses give the same numbers, so that a log does not depend on which of them prepared it.

    Parameters
    ----------
    folder : an existing folder for files that are needed meanwhile.
    name : name of the column.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name

    @abstractmethod
    def add(self, values: NDArray[Any] | pa.Array) -> NDArray[np.integer[Any]]:
        """Return the number of each value of a chunk, or a *place* that `finish` tells the number of, shape [B].

        Parameters
        ----------
        values : integers or texts, shape [B]; an empty text is missing, as None is.
        """

    @abstractmethod
    def finish(self) -> Numbered:
        """Return all values and numbers, once every chunk was added."""
