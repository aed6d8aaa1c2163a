"""Random split, without regard to user or time."""

import numpy as np
from numpy.typing import NDArray

from cadc.data.split.split import Split, require_shares
from cadc.errors import UsageError


class RandomSplit(Split):
    """Draws the rows of each part at random, without regard to user or time.

    Parameters
    ----------
    validation, test : shares of the rows, each in (0, 1); training keeps the rest.
    """

    def __init__(self, validation: float = 0.1, test: float = 0.1) -> None:
        require_shares(validation=validation, test=test)
        if validation + test >= 1:
            raise UsageError(
                f"data.split.validation {validation} and data.split.test {test} leave no rows for training; lower them."
            )
        self.validation = validation
        self.test = test

    def assign(self, n_rows: int, generator: np.random.Generator) -> NDArray[np.uint8]:
        """Return the index in `SPLITS` of each row, uint8, shape [n_rows]; the shares are met exactly."""
        n_validation, n_test = round(self.validation * n_rows), round(self.test * n_rows)
        # Of half the bytes of what `permutation` returns for a number, and in the same order.
        shuffled = np.arange(n_rows, dtype=np.uint32 if n_rows < 2**32 else np.int64)
        generator.shuffle(shuffled)
        place = np.zeros(n_rows, np.uint8)
        place[shuffled[:n_validation]] = 1
        place[shuffled[n_validation : n_validation + n_test]] = 2
        return place
