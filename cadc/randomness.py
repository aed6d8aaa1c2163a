"""Random generators derived from (seed, stage name), so that no stage disturbs another.

Changing the sampler must not change the initial weights: each stage asks for a generator of its own name
and no global seed is ever set.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive_seed(seed: int, stage: str) -> int:
    """Return a 63-bit seed that depends on `seed` and the stage's name alone.

    >>> derive_seed(0, "sample") == derive_seed(0, "sample") != derive_seed(0, "weights")
    True
    """
    digest = hashlib.sha256(f"{int(seed)}/{stage}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def numpy_generator(seed: int, stage: str) -> np.random.Generator:
    """Return NumPy's generator of this seed and stage."""
    return np.random.default_rng(derive_seed(seed, stage))


def torch_generator(seed: int, stage: str) -> "torch.Generator":
    """Return torch's CPU generator of this seed and stage."""
    import torch

    return torch.Generator().manual_seed(derive_seed(seed, stage))
