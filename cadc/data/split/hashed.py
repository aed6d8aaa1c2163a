"""Split by a hash of each row's number, in a byte a row, which further rows leave as it is."""

import numpy as np
from numpy.typing import NDArray

from cadc.data.split.random import RandomSplit
from cadc.data.split.split import Split
from cadc.randomness import hashed_uniform

BLOCK_ROWS = 1 << 20


class HashedSplit(Split):
    """Draws the rows of each part at random, as `RandomSplit` does, but each row by itself.

    The part of a row depends on its number and the seed alone: rows that are added at the end change no part, and no
    permutation of the rows is in memory. The shares are met up to chance.

    Parameters
    ----------
    validation, test : shares of the rows, each in (0, 1); training keeps the rest.
    """

    def __init__(self, validation: float = 0.1, test: float = 0.1) -> None:
        RandomSplit(validation, test)  # checks the shares
        self.validation = validation
        self.test = test

    def assign(self, n_rows: int, generator: np.random.Generator) -> NDArray[np.uint8]:
        """Return the index in `SPLITS` of each row, uint8, shape [n_rows]; one number is drawn from the generator."""
        seed = int(generator.integers(2**63))
        place = np.zeros(n_rows, np.uint8)
        for first in range(0, n_rows, BLOCK_ROWS):
            block = slice(first, min(first + BLOCK_ROWS, n_rows))
            drawn = hashed_uniform(np.arange(block.start, block.stop), seed)
            place[block] = np.select([drawn < self.test, drawn < self.test + self.validation], [2, 1], 0)
        return place
