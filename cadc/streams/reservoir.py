"""Rows of the past that are kept to be replayed."""

import numpy as np
from numpy.typing import NDArray


class Reservoir:
    """A uniform sample of all rows so far: each draws a number, and those with the smallest stay.

    Parameters
    ----------
    size : most rows; None keeps all.

    Attributes
    ----------
    rows : row numbers, ascending by their keys, int64, shape [n].
    keys : of the rows, float64, shape [n].
    """

    def __init__(self, size: int | None = None) -> None:
        self.size = size
        self.rows: NDArray[np.int64] = np.empty(0, np.int64)
        self.keys: NDArray[np.float64] = np.empty(0)

    def add(self, rows: NDArray[np.int64], generator: np.random.Generator) -> None:
        """Offer further rows, int64, shape [m]."""
        keys = np.concatenate([self.keys, generator.random(len(rows))])
        kept = np.argsort(keys, kind="stable")[: self.size]
        self.rows, self.keys = np.concatenate([self.rows, rows])[kept], keys[kept]

    def draw(self, n: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """Return n different rows, or all if there are fewer, in any order."""
        return generator.choice(self.rows, min(n, len(self.rows)), replace=False)
