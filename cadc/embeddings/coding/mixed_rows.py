"""Storage of rows of different bit widths: codes, and for each row the index of its width among those in use."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cadc.embeddings.coding.packing import first_bits, n_bytes, pack, unpack
from cadc.embeddings.coding.quantizer import codes_of
from cadc.embeddings.coding.rows import CHUNK
from cadc.embeddings.coding.shapes import Shapes


def shapes(n_rows: int, dim: int, n_widths: int, n_code_bytes: int) -> Shapes:
    """Return types and shapes of what is stored of rows that have so many different widths."""
    return {
        "codes": (torch.uint8, (n_code_bytes,)),
        "kinds": (torch.uint8, (n_bytes(n_rows * _bits_of_kind(n_widths)),)),
        "offset": (torch.float32, (dim,)),
        "steps": (torch.float32, (n_widths,)),
        "widths": (torch.uint8, (n_widths,)),
    }


def encode(values: Tensor, offset: Tensor, widths: Tensor, steps: Tensor) -> dict[str, Tensor]:
    """Return the tensors that are stored.

    Parameters
    ----------
    values, offset : w and β, float32, shapes [n, d] and [d].
    widths : b of each row, uint8, shape [n].
    steps : α of each width from 0 up, float32.
    """
    used = widths.unique()
    codes = torch.zeros(values.shape, dtype=torch.uint8, device=values.device)
    for rows in torch.arange(len(values), device=values.device).split(CHUNK):
        for bits in used[used > 0].tolist():
            own = rows[widths[rows] == bits]
            codes[own] = codes_of(values[own] - offset, steps[bits], bits).add_(1 << (bits - 1)).to(torch.uint8)
    kinds = torch.searchsorted(used, widths).unsqueeze(1)
    return {
        "codes": pack(codes, widths),
        "kinds": pack(kinds, widths.new_full((len(widths),), _bits_of_kind(len(used)))),
        "offset": offset.clone(),
        "steps": steps[used.long()].where(used > 0, 0),
        "widths": used,
    }


def kinds_of(stored: Mapping[str, Tensor], n_rows: int) -> Tensor:
    """Return for each row the place of its width among those in use, int64, shape [n].

    Raises
    ------
    ValueError : for a place where there is none.
    """
    n_widths = len(stored["widths"])
    n_bits = _bits_of_kind(n_widths)
    rows = torch.arange(n_rows, device=stored["kinds"].device)
    kinds = unpack(stored["kinds"], rows * n_bits, rows.new_tensor([n_bits]), 1).squeeze(1).long()
    if len(kinds) and int(kinds.max()) >= n_widths:
        raise ValueError(f"kinds names width {int(kinds.max())} of {n_widths}")
    return kinds


def places(stored: Mapping[str, Tensor], n_rows: int, dim: int) -> dict[str, Tensor]:
    """Return what `decode` needs beside what is stored: each row's kind and the place of its first bit."""
    kinds = kinds_of(stored, n_rows)
    starts = first_bits(stored["widths"].long()[kinds], dim)
    is_small = 8 * len(stored["codes"]) < 2**31
    return {"kind": kinds.to(torch.uint8), "start": starts.int() if is_small else starts}


def decode(stored: Mapping[str, Tensor], rows: Tensor, dim: int) -> Tensor:
    """Return (c - 2^(b-1))·α_b + β of some rows, and zeros for those of 0 bits, shape [b, d].

    Parameters
    ----------
    stored : what `encode` and `places` gave.
    rows : int64, shape [b].
    dim : d.
    """
    starts = stored["start"].index_select(0, rows)
    kinds = stored["kind"].index_select(0, rows).int()
    widths = stored["widths"].index_select(0, kinds).to(starts.dtype)
    steps = stored["steps"].index_select(0, kinds).unsqueeze(1)
    codes = unpack(stored["codes"], starts, widths, dim)
    half = torch.exp2(widths - 1.0).unsqueeze(1)
    return ((codes - half) * steps + stored["offset"]) * (widths > 0).unsqueeze(1)


def _bits_of_kind(n_widths: int) -> int:
    """Return how many bits tell so many widths apart."""
    return (n_widths - 1).bit_length()
