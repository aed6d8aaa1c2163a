"""Interval of a mean over the segments of a stream and over seeds."""

import numpy as np
from numpy.typing import NDArray

from cadc.errors import DataError
from cadc.evaluation.statistics.crossed import CrossedInterval, interval_of_parts


def block_length(n_segments: int) -> int:
    """Return how many segments in a row are drawn together: the cube root of their number, rounded.

    >>> [block_length(n) for n in (2, 5, 10, 20)]
    [1, 2, 2, 3]
    """
    return max(1, min(round(n_segments ** (1 / 3)), n_segments // 2))


def segment_interval(differences: NDArray[np.float64], level: float = 0.95) -> CrossedInterval:
    """Return the interval of a mean difference over segments and seeds.

    Segments take the place that users have in `crossed_interval`, and seeds are crossed with them. Neighbouring
    segments are alike, so blocks of them are drawn together: the circular block bootstrap of Politis and Romano (1992),
    with blocks of `block_length` b. The covariances that its draws have are known, so nothing is drawn: those of the
    block means, times b / n, and times n / (n - b), since block means lie around their own mean. The part of the
    segments is the mean covariance of two seeds, that of the seeds the variance of their means over their number. As
    n / b blocks are independent, the part of the segments has n / b - 1 degrees of freedom.

    In simulations of 5, 10 and 20 segments with 3 and 5 seeds, 95 % intervals cover 94.7 to 99.2 % where segments are
    independent, 93.7 to 97.9 % where neighbours correlate by 0.3, and 83 to 98 % where they correlate by 0.6.

    The interval is about further segments of the same stream and other seeds.

    Parameters
    ----------
    differences : of each seed and segment, float64, shape [n_seeds, n_segments], segments in their order.
    level : coverage of the interval.

    Raises
    ------
    DataError : for fewer than two segments, or a NaN.

    Examples
    --------
    >>> found = segment_interval(np.array([[0.01, 0.03, 0.02, 0.02], [0.02, 0.02, 0.01, 0.03]]))
    >>> round(found.estimate, 3), found.n_seeds
    (0.02, 2)
    """
    n_seeds, n = differences.shape
    if n < 2:
        raise DataError(f"an interval over segments needs at least two of them; found {n}.")
    if np.isnan(differences).any():
        raise DataError("a difference is NaN, so there is no interval.")
    length = block_length(n)
    observed = differences.mean(axis=1)
    around = np.concatenate([differences, differences[:, : length - 1]], axis=1)
    blocks = np.lib.stride_tricks.sliding_window_view(around, length, axis=1).mean(axis=2)
    deviation = blocks - observed[:, None]
    covariance = deviation @ deviation.T / n * length / (n - length)
    if n_seeds == 1:
        by_segments, by_seeds = float(covariance[0, 0]), 0.0
    else:
        between = covariance.sum() - np.trace(covariance)
        by_segments = max(0.0, float(between / (n_seeds * (n_seeds - 1))))
        by_seeds = float(observed.var(ddof=1)) / n_seeds
    return interval_of_parts(float(observed.mean()), by_segments, by_seeds, n_seeds, n / length, level)
