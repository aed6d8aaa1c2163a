"""Made-up pairs of users and items, enough of them for many blocks of a closed-form pass."""

import numpy as np
import torch

from cadc.factorization.examples import Examples

SIZES = (3000, 400)
"""Numbers of users and of items, *unknown* and a few that have no rows included."""


def many_examples(n=200_000, seed=0):
    """Pairs with popular items, and labels that depend on both; some users are *unknown*."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, SIZES[0] - 9, n)
    second = np.minimum(rng.geometric(0.02, n), SIZES[1] - 5)
    taste, kind = rng.normal(size=(SIZES[0], 2)), rng.normal(size=(SIZES[1], 2))
    labels = rng.random(n) < 1 / (1 + np.exp(-(taste[first] * kind[second]).sum(1)))
    return Examples((torch.from_numpy(first), torch.from_numpy(second)), torch.from_numpy(labels).float())
