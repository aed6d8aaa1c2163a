"""Numbering by a dictionary in memory, which takes about 170 bytes for each different value."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cadc.data.numbering.numbering import Numbered, Numbering
from cadc.data.vocabulary import codes_of, raw_values


class InMemory(Numbering):
    """Looks each value up in a dictionary.

    >>> numbering = InMemory(Path(), "genre")
    >>> numbering.add(pa.array(["b", "", "a", "b"])).tolist(), numbering.finish().values.tolist()
    ([0, -1, 1, 0], ['b', 'a'])
    """

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder, name)
        self._known: dict[Any, int] = {}

    def add(self, values: NDArray[Any] | pa.Array) -> NDArray[np.int32]:
        """Return the number of each value, int32, shape [B]."""
        return codes_of(values, self._known)

    def finish(self) -> Numbered:
        """Return the values of the dictionary."""
        return Numbered(raw_values(self._known))
