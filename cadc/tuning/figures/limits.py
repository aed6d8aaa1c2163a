"""The range of a metric that figures of a study show."""

from collections.abc import Sequence

import numpy as np


def limits(values: Sequence[float], direction: str) -> tuple[float, float]:
    """Return the limits of an axis; very bad trials, which would flatten the others, are drawn at its edge.

    Parameters
    ----------
    values : of the trials.
    direction : `minimize` or `maximize`.

    >>> limits([1.0, 2.0, 3.0, 4000.0], "minimize")[0]
    1.0
    """
    sign = 1 if direction == "minimize" else -1
    costs = sign * np.array(values)
    low, usual = np.quantile(costs, [0, 0.9])
    high = min(costs.max(), usual + 2 * (usual - low))
    return (float(low), float(high)) if sign == 1 else (float(-high), float(-low))
