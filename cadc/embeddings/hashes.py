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
    return affine(rows, a, b).remainder_(m)


def affine(rows: Tensor, a: int, b: int) -> Tensor:
    """Return (a·v + b) mod P of each number v (int64, below P, as a and b are), int64."""
    return torch.remainder(rows * a + b, PRIME)


def modulo_(numbers: Tensor, m: int) -> Tensor:
    """Take numbers (whole ones in float64, in [0, 2^32)) mod m < 2^32 in place, some times sooner than integers are.

    It is exact: a quotient that is not whole differs from the next whole number by more than rounding can add.
    """
    return numbers.sub_((numbers / m).floor_(), alpha=m)
