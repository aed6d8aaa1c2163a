"""Random generators derived from (seed, name of the stage), so that stages do not disturb each other.

Changing the sampler must not change the initial weights: each stage has a generator of its own, and no global seed
is ever set.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive_seed(seed: int, stage: str) -> int:
    """Return a 63-bit seed that depends only on `seed` and the name of the stage.

    Examples
    --------
    >>> derive_seed(0, "sample") == derive_seed(0, "sample") != derive_seed(0, "weights")
    True
    """
    digest = hashlib.sha256(f"{int(seed)}/{stage}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def numpy_generator(seed: int, stage: str) -> np.random.Generator:
    """Return NumPy's generator for a seed and a stage.

    >>> int(numpy_generator(0, "sample").integers(100)) == int(numpy_generator(0, "sample").integers(100))
    True
    """
    return np.random.default_rng(derive_seed(seed, stage))


def torch_generator(seed: int, stage: str) -> "torch.Generator":
    """Return torch's CPU generator for a seed and a stage."""
    import torch

    return torch.Generator().manual_seed(derive_seed(seed, stage))
