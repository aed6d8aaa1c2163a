"""Codes of any width up to eight bits come back from their bits, and take no more than those."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.embeddings.coding.packing import MOST, first_bits, n_bytes, pack, unpack


@st.composite
def packable(draw):
    n, k = draw(st.integers(0, 40)), draw(st.integers(1, 20))
    widths = np.array(draw(st.lists(st.integers(0, MOST), min_size=n, max_size=n)), dtype=np.int64)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    codes = rng.integers(0, 2 ** widths[:, None], size=(n, k))
    return torch.from_numpy(codes), torch.from_numpy(widths)


def bits_one_by_one(codes, widths):
    """As text, the lowest bit of each code first."""
    text = "".join(
        format(int(code), f"0{int(width)}b")[::-1]
        for row, width in zip(codes, widths, strict=True)
        for code in row
        if width
    )
    return bytes(int(text[at : at + 8][::-1], 2) for at in range(0, len(text), 8))


@settings(max_examples=60, deadline=None)
@given(packable())
def test_packed_codes_are_those_of_a_naive_packer_and_come_back(given_codes):
    codes, widths = given_codes
    packed = pack(codes, widths)
    assert packed.dtype == torch.uint8
    assert packed.numpy().tobytes() == bits_one_by_one(codes, widths)
    assert len(packed) == n_bytes(int(widths.sum()) * codes.shape[1])
    starts = first_bits(widths, codes.shape[1])
    assert torch.equal(unpack(packed, starts, widths, codes.shape[1]).long(), codes)


@settings(max_examples=30, deadline=None)
@given(packable(), st.integers(0, 2**32 - 1))
def test_any_rows_are_read_in_any_order_in_either_type_of_positions(given_codes, seed):
    codes, widths = given_codes
    packed, starts = pack(codes, widths), first_bits(widths, codes.shape[1])
    if not len(codes):
        return
    rows = torch.from_numpy(np.random.default_rng(seed).integers(len(codes), size=2 * len(codes)))
    for dtype in (torch.int32, torch.int64):
        found = unpack(packed, starts[rows].to(dtype), widths[rows].to(dtype), codes.shape[1])
        assert torch.equal(found.long(), codes[rows])


def test_rows_of_one_width_need_no_list_of_widths():
    codes = torch.randint(0, 8, (33, 5), generator=torch.Generator().manual_seed(0))
    packed = pack(codes, torch.full((33,), 3))
    rows = torch.tensor([32, 0, 7])
    assert torch.equal(unpack(packed, rows * 15, torch.tensor([3]), 5).long(), codes[rows])


def test_more_rows_than_are_packed_at_a_time(monkeypatch):
    monkeypatch.setattr("cadc.embeddings.coding.packing.CHUNK", 7)
    widths = torch.arange(30) % (MOST + 1)
    codes = torch.randint(0, 256, (30, 3), generator=torch.Generator().manual_seed(1)) % (1 << widths).unsqueeze(1)
    packed = pack(codes, widths)
    assert packed.numpy().tobytes() == bits_one_by_one(codes, widths)
    assert torch.equal(unpack(packed, first_bits(widths, 3), widths, 3).long(), codes)
