"""Hash functions of row numbers."""

import torch
from torch import Tensor

from cadc.randomness import derive_seed

PRIME = 2038074743
"""As in ROBE (arXiv 2108.02191): so small that a·v + b keeps within 64 bits for v below 2^32."""


def bucket(rows: Tensor, a: int, b: int, m: int) -> Tensor:
    """Return ((a·v + b) mod P) mod m of each row number v (Carter and Wegman 1979), int64.

    Parameters
    ----------
    rows : int64, below P.
    a, b : 0 < a < P, 0 ≤ b < P.
    m : number of buckets.
    """
    return torch.remainder(rows * a + b, PRIME).remainder_(m)


def uniform(rows: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return ((a·v + b) mod P) of each row number v and each hash, scaled to [-1, 1], float32, shape [n, k].

    Parameters
    ----------
    rows : int64, below P, shape [n].
    a, b : int64, 0 < a < P, 0 ≤ b < P, shape [k].
    """
    return torch.remainder(rows.unsqueeze(1) * a + b, PRIME).to(torch.float32).mul_(2 / PRIME).sub_(1)


def multipliers(seed: int, n: int) -> tuple[Tensor, Tensor]:
    """Return a and b of `n` hashes that follow from a seed alone, int64, shape [n]."""
    a = [1 + derive_seed(seed, f"a{index}") % (PRIME - 1) for index in range(n)]
    b = [derive_seed(seed, f"b{index}") % PRIME for index in range(n)]
    return torch.tensor(a), torch.tensor(b)
