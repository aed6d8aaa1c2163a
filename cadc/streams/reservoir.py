"""Rows of the past that are kept to be replayed."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Keys = Callable[[NDArray[np.int64], NDArray[np.float64]], NDArray[np.floating]]
"""Keys of rows, given their numbers, those kept before the new ones, and what each has drawn."""


class Reservoir:
    """Rows of all that were offered so far: those with the smallest keys.

    Each row draws a number once. As keys, these make a uniform sample; a sampler may order rows by other ones.

    Parameters
    ----------
    size : most rows; None keeps all.

    Attributes
    ----------
    rows : row numbers, ascending by their keys, int64, shape [n].
    draws : what each of them has drawn, in [0, 1), float64, shape [n].
    """

    def __init__(self, size: int | None = None) -> None:
        self.size = size
        self.rows: NDArray[np.int64] = np.empty(0, np.int64)
        self.draws: NDArray[np.float64] = np.empty(0)

    def add(self, rows: NDArray[np.int64], generator: np.random.Generator, keys: Keys | None = None) -> None:
        """Offer further rows.

        Parameters
        ----------
        rows : int64, shape [m].
        generator : of their numbers.
        keys : called only if rows have to go; None takes what they have drawn.
        """
        rows, draws = np.concatenate([self.rows, rows]), np.concatenate([self.draws, generator.random(len(rows))])
        is_full = self.size is not None and len(rows) > self.size
        order = draws if keys is None or not is_full else np.asarray(keys(rows, draws))
        kept = np.argsort(order, kind="stable")[: self.size]
        self.rows, self.draws = rows[kept], draws[kept]

    def n_after(self, n_offered: int) -> int:
        """Return how many rows there are after some more are offered."""
        n = len(self.rows) + n_offered
        return n if self.size is None else min(n, self.size)

    def draw(self, n: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """Return n different rows, or all if there are fewer, in any order."""
        return generator.choice(self.rows, min(n, len(self.rows)), replace=False)
