"""Share of held-out items without a training row."""

import numpy as np
import pandas as pd

from cadc.errors import DataError
from cadc.evaluation.metrics.metric import Metric


class ColdShare(Metric):
    """Share of held-out items that have no training row, so that no arm can find them.

    It is the same for all arms on a split, so they cannot be compared by it.
    """

    name = "cold_share"
    label = "cold share"
    task = "ranking"
    higher_is_better = False
    bounds = (0.0, 1.0)
    columns = ("rank",)
    is_comparable = False

    def value(self, rows: pd.DataFrame) -> float:
        """Return the share of infinite ranks; undefined without any."""
        if not len(rows):
            raise DataError(f"{self.name} needs at least one held-out item.")
        return float(np.isinf(rows["rank"].to_numpy()).mean())
