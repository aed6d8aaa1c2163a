"""Split that the data brings along, such as the files of a published protocol."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cadc.data.split.split import SPLITS, Split, require_shares
from cadc.errors import DataError


class GivenSplit(Split):
    """Keeps every row in the part that the data gives it; validation rows are drawn where the data gives none.

    They are drawn from the training rows at random, without regard to user or item, so that all test rows and no other
    row stay what the data says.

    Parameters
    ----------
    validation : share of the training rows that become validation rows, in (0, 1); without effect on data that brings
        validation rows.

    Raises
    ------
    UsageError : for another share.
    """

    needs: ClassVar[tuple[str, ...]] = ("part",)

    def __init__(self, validation: float = 0.1) -> None:
        require_shares(validation=validation)
        self.validation = validation

    def assign(self, n_rows: int, generator: np.random.Generator, part: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the index in `SPLITS` of each row, see `Split.assign`; the share is met to a row.

        Raises
        ------
        DataError : if the data gives no row to the training part or the test part, or too few to the training part.
        """
        place = np.array(part, np.uint8)
        n_train, n_validation, n_test = (int(count) for count in np.bincount(place, minlength=len(SPLITS)))
        for name, count in (("training", n_train), ("test", n_test)):
            if count == 0:
                raise DataError(
                    f"the data gives none of its {n_rows:,} rows to the {name} part; data/split=given needs rows for "
                    "training and for the test. Complete the data, or choose data/split=random."
                )
        if n_validation:
            return place
        n_drawn = round(self.validation * n_train)
        if not 0 < n_drawn < n_train:
            raise DataError(
                f"the data gives no validation rows, and {self.validation} of its {n_train:,} training rows are "
                f"{n_drawn}; choose another data.split.validation, which must leave rows for both."
            )
        # In few bytes a row, as logs may be long.
        shuffled = np.arange(n_train, dtype=np.uint32 if n_train < 2**32 else np.int64)
        generator.shuffle(shuffled)
        of_training_rows = np.zeros(n_train, np.uint8)
        of_training_rows[shuffled[:n_drawn]] = 1
        place[place == 0] = of_training_rows
        return place
