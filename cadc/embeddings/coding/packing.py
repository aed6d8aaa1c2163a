"""Bit packing: codes of 0 to 8 bits, one after the other without gaps; rows may be of different widths."""

import torch
from torch import Tensor

from cadc.embeddings.coding.rows import CHUNK

MOST = 8
"""Bits of a code."""


def n_bytes(n_bits: int) -> int:
    """Return how many bytes so many bits take."""
    return -(-n_bits // 8)


def first_bits(widths: Tensor, n_columns: int) -> Tensor:
    """Return where each row begins, in bits, int64, shape [n].

    Parameters
    ----------
    widths : bits of each row's codes, whole numbers from 0 to 8, shape [n].
    n_columns : codes of a row.
    """
    taken = widths.long() * n_columns
    return taken.cumsum(0) - taken


def pack(codes: Tensor, widths: Tensor) -> Tensor:
    """Return the bits of all codes, row after row, the lowest bit of each first, uint8.

    Parameters
    ----------
    codes : each below 2 to the power of its row's width, whole numbers, shape [n, k].
    widths : bits of each row's codes, from 0 to 8, shape [n].
    """
    n_columns = codes.shape[1]
    starts = first_bits(widths, n_columns)
    # Codes may reach into the next byte, and those of 0 bits, which add nothing, begin where the last code ends.
    found = codes.new_zeros(n_bytes(int(widths.long().sum()) * n_columns) + 2, dtype=torch.int32)
    for rows in torch.arange(len(codes), device=codes.device).split(CHUNK):
        at = _positions(starts[rows], widths[rows].long(), n_columns)
        moved = (codes[rows].int() << (at & 7).int()).flatten()
        byte = (at >> 3).flatten()
        # No two codes share a bit, so a sum is as good as an "or".
        found.index_add_(0, byte, moved & 255)
        found.index_add_(0, byte + 1, moved >> 8)
    return found[:-2].to(torch.uint8)


def unpack(packed: Tensor, starts: Tensor, widths: Tensor, n_columns: int) -> Tensor:
    """Return the codes of some rows, int32, shape [b, k].

    Parameters
    ----------
    packed : what `pack` gave.
    starts : where each of the rows begins, in bits, whole numbers, shape [b]; int32 is faster.
    widths : bits of each row's codes, of the type of `starts`, shape [b] or [1].
    n_columns : codes of a row.
    """
    if not len(packed):
        return torch.zeros(len(starts), n_columns, dtype=torch.int32, device=packed.device)
    at = _positions(starts, widths, n_columns)
    byte = (at >> 3).flatten()
    last = len(packed) - 1
    low = packed.index_select(0, byte.clamp(max=last)).int()
    # Beyond the last byte nothing is read that the mask keeps.
    high = packed.index_select(0, (byte + 1).clamp_(max=last)).int()
    both = (low | (high << 8)).view(-1, n_columns)
    masks = (1 << widths.int()) - 1
    return (both >> (at & 7).int()) & masks.unsqueeze(1)


def _positions(starts: Tensor, widths: Tensor, n_columns: int) -> Tensor:
    """Return the first bit of each code, shape [b, k]."""
    columns = torch.arange(n_columns, dtype=starts.dtype, device=starts.device)
    return starts.unsqueeze(1) + widths.unsqueeze(1) * columns
