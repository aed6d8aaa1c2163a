"""Random generators derived from (seed, name of the stage), so that stages do not disturb each other.

Changing the sampler must not change the initial weights: each stage has a generator of its own, and no global seed
is ever set.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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


def child_generator(generator: "torch.Generator") -> "torch.Generator":
    """Return a generator that is seeded by one number of another, so that it may draw as many as it likes."""
    import torch

    return torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator)))


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter numbers over 64 bits, one to one (splitmix64; Steele, Lea and Flood 2014), uint64, shape [n]."""
    values = (values ^ values >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ values >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return values ^ values >> np.uint64(31)


def hashed_uniform(rows: NDArray[np.integer], seed: int) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each row that depends on its number and the seed alone, float64, shape [n].

    It is h(h(seed + c) ^ row) ÷ 2^64 to 53 bits with h = `mixed` and c = 0x9E3779B97F4A7C15, which any language and
    any engine computes alike.

    >>> numbers = hashed_uniform(np.arange(3), 0)
    >>> numbers.round(4).tolist(), bool(hashed_uniform(np.array([2]), 0)[0] == numbers[2])
    ([0.2818, 0.6172, 0.2415], True)
    """
    start = mixed(np.array([(seed + 0x9E3779B97F4A7C15) % 2**64], np.uint64))
    return (mixed(start ^ rows.astype(np.uint64)) >> np.uint64(11)).astype(np.float64) * 2.0**-53
