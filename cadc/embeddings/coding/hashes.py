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
    return affine(rows, a, b).remainder_(m)


def scrambled(rows: Tensor, a: int, b: int, bits: int) -> Tensor:
    """Return a number of so many bits for each row number, another one for each: a permutation of [0, 2^bits).

    Two rounds of a linear map modulo 2^bits, which carries low bits upwards, and of adding the upper half of the bits
    to the lower one by *exclusive or*, which carries them down.

    Parameters
    ----------
    rows : int64, below 2^bits.
    a, b : below 2^31 and not negative; a odd.
    bits : from 1 to 32, so that products keep within 64 bits.
    """
    mask, half = (1 << bits) - 1, (bits + 1) // 2
    for _ in range(2):
        rows = (rows * a + b) & mask
        rows = rows ^ (rows >> half)
    return rows


def affine(rows: Tensor, a: int, b: int) -> Tensor:
    """Return (a·v + b) mod P of each number v (int64, below P, as a and b are), int64."""
    return torch.remainder(rows * a + b, PRIME)


def modulo_(numbers: Tensor, m: int) -> Tensor:
    """Take numbers (whole ones in float64, in [0, 2^32)) mod m < 2^32 in place, some times sooner than integers are.

    It is exact: a quotient that is not whole differs from the next whole number by more than rounding can add.
    """
    return numbers.sub_((numbers / m).floor_(), alpha=m)


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
