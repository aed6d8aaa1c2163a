"""Vectors in few bits: each column has a step and a number of bits of its own."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cadc.embeddings.coding.packing import first_bits, n_bytes, pack, unpack
from cadc.embeddings.coding.quantizer import best_steps, codes_of

SHIFT = 0.5
"""Levels are as many above 0 as below: (code + 0.5) · step."""


def rounded(numbers: Tensor, bits: int, mass: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nearest levels of b bits to numbers, and their step, which is of least squared error.

    Parameters
    ----------
    numbers : float32, shape [n].
    bits : b, at least 1.
    mass : of each squared error, float32, shape [n].

    Returns
    -------
    levels : float32, shape [n].
    step : float32, shape [].
    """
    step = best_steps(numbers[None], bits, SHIFT, mass[None])[0]
    return (codes_of(numbers, step, bits, SHIFT) + SHIFT) * step, step


def pack_columns(levels: Tensor, steps: Tensor, widths: Sequence[int], size: int) -> Tensor:
    """Return the codes of levels, column after column without gaps, uint8, shape [size].

    Parameters
    ----------
    levels : as `rounded` returned them, float32, shape [n, k].
    steps : of each column, float32, shape [k].
    widths : bits of each column.
    size : bytes; what is left is 0.
    """
    columns = []
    for column, step, bits in zip(levels.T, steps, widths, strict=True):
        half = 1 << (bits - 1) if bits else 0
        columns.append(codes_of(column, step, bits, SHIFT) + half if bits else torch.zeros_like(column))
    packed = pack(torch.stack(columns), torch.tensor(list(widths)))
    return torch.cat([packed, packed.new_zeros(size - len(packed))])


def columns_of(packed: Tensor, rows: Tensor, n: int, steps: Tensor, widths: Tensor) -> Tensor:
    """Return the levels of some rows, float32, shape [b, k]; those of columns without bits, and of row 0, are 0.

    Parameters
    ----------
    packed : as `pack_columns` returned it.
    rows : int64, shape [b].
    n : number of rows that were packed.
    steps : of each column, float32, shape [k].
    widths : bits of each column, uint8, shape [k].
    """
    bits = widths.long()
    places = first_bits(widths, n) + rows.unsqueeze(1) * bits
    codes = unpack(packed, places.flatten(), bits.repeat(len(rows)), 1).view(len(rows), len(bits))
    levels = (codes - (1 << bits) / 2 + SHIFT) * steps
    return levels * (bits > 0) * (rows > 0).unsqueeze(1)


def bytes_of(n: int, bits: int) -> int:
    """Return how many bytes n rows of so many bits take."""
    return n_bytes(n * bits)
