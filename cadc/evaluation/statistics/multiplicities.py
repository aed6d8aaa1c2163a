"""How often each user is drawn in a bootstrap replicate."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

AT_A_TIME = 16
"""Replicates in a block: few enough that the values gathered for a hundred thousand rows stay in the cache."""


def multiplicities(
    n_units: int, n_replicates: int, generator: np.random.Generator, at_a_time: int = AT_A_TIME
) -> Iterator[NDArray[np.int32]]:
    """Yield blocks of bootstrap multiplicities: how often each unit is among n_units draws with replacement.

    Parameters
    ----------
    n_units : users, or rows where there are no users.
    n_replicates : in all blocks together.
    generator : random generator of the draws.
    at_a_time : replicates in a block; it does not change the draws.

    Yields
    ------
    multiplicity : int32, shape [at most at_a_time, n_units]; each line sums to n_units.
    """
    for start in range(0, n_replicates, at_a_time):
        n = min(at_a_time, n_replicates - start)
        drawn = generator.integers(0, n_units, size=(n, n_units))
        drawn += np.arange(n)[:, None] * n_units
        yield np.bincount(drawn.ravel(), minlength=n * n_units).reshape(n, n_units).astype(np.int32)
