"""Hash functions of row numbers."""

import torch
from torch import Tensor

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
