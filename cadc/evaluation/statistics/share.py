"""Share of the reference's metric that an arm reaches, with its interval."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cadc.evaluation.statistics.crossed import crossed_interval


class Share(NamedTuple):
    """Ratio of two means over seeds, with the ends of its interval; 0.94 reads *94 % of the reference*."""

    estimate: float
    low: float
    high: float


def share(
    arm: NDArray[np.float64],
    reference: NDArray[np.float64],
    arm_replicates: NDArray[np.float64],
    reference_replicates: NDArray[np.float64],
    n_units: int,
    level: float = 0.95,
) -> Share | None:
    """Return the ratio of the means over seeds, with an interval over users crossed with seeds.

    With R the ratio, log R has to first order the error mean_s (A_s / A - B_s / B), A and B the means of arm and
    reference: a mean over seeds, whose interval is that of `crossed_interval`. Its ends are those of log R, so they
    are positive and asymmetric around R.

    Parameters
    ----------
    arm, reference : metric of each seed, float64, shape [S].
    arm_replicates, reference_replicates : the same for each draw of users, float64, shape [n_replicates, S].
    n_units : users that were drawn from.
    level : coverage of the interval.

    Returns
    -------
    share : the ratio; None if a mean is not above 0, where a ratio has no meaning.
    """
    above, below = float(arm.mean()), float(reference.mean())
    if not (above > 0 and below > 0):
        return None
    ratio = np.log(above / below)
    interval = crossed_interval(
        ratio + arm / above - reference / below,
        ratio + arm_replicates / above - reference_replicates / below,
        n_units,
        level,
    )
    return Share(*(float(np.exp(end)) for end in (ratio, interval.low, interval.high)))
