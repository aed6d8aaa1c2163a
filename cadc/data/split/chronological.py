"""Per-user chronological split: what a user did last is held out."""

import numpy as np
from numpy.typing import NDArray

from cadc.data.split import SplitByShares
from cadc.data.split.by_user import SplitByUser


class ChronologicalSplit(SplitByShares, SplitByUser):
    """The last rows of each user by time: the last share tests, the share before it validates.

    A user of n rows has round(test · n) of them in the test part and round(validation · n) in the validation part;
    the first row always trains, so that small users are no cold starts. Equal times are broken by the seed.

    Parameters
    ----------
    validation, test : shares of each user's rows, each in (0, 1); training keeps the rest.
    """

    def places(self, from_end: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.integer]:
        """Return each row's place in `SPLITS`, shape [B]; see `SplitByUser`."""
        n_test = np.minimum(np.rint(self.test * count), count - 1)
        n_validation = np.minimum(np.rint(self.validation * count), count - 1 - n_test)
        return np.select([from_end < n_test, from_end < n_test + n_validation], [2, 1], 0)
