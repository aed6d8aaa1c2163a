"""Codes of bits in blocks."""

import pytest
import torch

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.table_file import file_bytes
from cadc.embeddings.coding.hashes import scrambled
from cadc.embeddings.schemes.binary_code import BinaryCode, BinaryCodeTable, bits_for, positions_of
from cadc.errors import UsageError

FIELDS = [Field("user", "user", 300), Field("item", "item", 700)]
DIM = 8


@pytest.mark.parametrize("bits", [1, 2, 3, 7, 12])
def test_scrambling_is_a_permutation(bits):
    generator = torch.Generator().manual_seed(bits)
    for _ in range(5):
        a, b = (int(torch.randint(1 << 30, (), generator=generator)) for _ in range(2))
        found = scrambled(torch.arange(1 << bits), 2 * a + 1, b, bits)
        assert torch.equal(found.sort().values, torch.arange(1 << bits))


def test_scrambling_keeps_within_its_bits_at_the_widest():
    rows = torch.tensor([0, 1, (1 << 32) - 1])
    found = scrambled(rows, (1 << 31) - 1, (1 << 31) - 1, 32)
    mask = (1 << 32) - 1
    for row, own in zip(rows.tolist(), found.tolist(), strict=True):
        for _ in range(2):
            row = (row * ((1 << 31) - 1) + (1 << 31) - 1) & mask
            row ^= row >> 16
        assert own == row


def test_neighbouring_rows_differ_in_about_half_of_their_bits():
    rows = torch.arange(1000)
    one, other = (scrambled(rows + more, 797529183, 1478610112, 20) for more in (0, 1))
    differing = torch.stack([((one ^ other) >> bit) & 1 for bit in range(20)]).double().mean(1)
    assert differing.mean() == pytest.approx(0.5, abs=0.1) and differing.min() > 0.2


@pytest.mark.parametrize("combine", ["sum", "concat"])
@pytest.mark.parametrize("blocks", ["succession", "skip"])
@pytest.mark.parametrize(("bits", "step"), [(10, 4), (12, 3), (7, 3), (10, 1)])
def test_vectors_combine_one_row_of_each_block(bits, step, blocks, combine):
    table = BinaryCodeTable(FIELDS, 12, bits, step, [797529183, 1478610112], blocks, combine).eval()
    table.reset(1.0, torch.Generator().manual_seed(0))
    found, codes = table.reconstruct(), table.codes(torch.arange(1000))
    for row in range(0, 1000, 37):
        text = f"{int(codes[row]):0{bits}b}"[::-1]  # the lowest bit first
        if blocks == "succession":
            cut = [text[first : first + step] for first in range(0, bits, step)]
        else:
            cut = [text[first :: step + 1] for first in range(step + 1)]
        parts, first = [], 0
        for block in cut:
            parts.append(table.weight.detach()[first + int(block[::-1], 2)])
            first += 2 ** len(block)
        assert first == len(table.weight)
        expected = torch.stack(parts).sum(0) if combine == "sum" else torch.cat(parts)[:12]
        assert torch.allclose(found[row], expected, atol=1e-6)


@pytest.mark.parametrize("bits", [None, 10, 14])
@pytest.mark.parametrize("blocks", ["succession", "skip"])
def test_no_two_rows_share_a_code(blocks, bits):
    table = BinaryCode(dim=DIM, blocks=blocks, bits=bits, small=0).table(TableSpec(FIELDS, 4000))
    assert len(table.codes(torch.arange(1000)).unique()) == 1000
    assert len(torch.stack(table.slots(torch.arange(1000)), 1).unique(dim=0)) == 1000
    assert bits is None or table.bits == bits


def test_codes_that_are_too_short_are_shared():
    table = BinaryCode(dim=DIM, bits=5, small=0).table(TableSpec(FIELDS, 4000))
    counts = torch.bincount(table.codes(torch.arange(1000)), minlength=32)
    assert len(counts) == 32 and counts.min() > 10


@pytest.mark.parametrize("combine", ["sum", "concat"])
@pytest.mark.parametrize("blocks", ["succession", "skip"])
def test_blocks_are_as_large_as_the_budget_allows(blocks, combine):
    scheme = BinaryCode(dim=DIM, blocks=blocks, combine=combine, small=0)
    for budget in (1500, 2500, 4000, 8000):
        table = scheme.table(TableSpec(FIELDS, budget))
        assert len(file_bytes(table)) <= budget
        larger = (table.bits, table.step + (1 if blocks == "succession" else -1))
        for bits, step in (larger, (bits_for(1000), larger[1])):
            if step >= 0:
                over = BinaryCodeTable(FIELDS, DIM, bits, step, table.hash, blocks, combine)
                assert len(file_bytes(over)) > budget
        assert all(len(block) for block in table.positions)
        assert len(table.positions) <= (DIM if combine == "concat" else table.bits)


def test_the_least_budget_is_named():
    scheme = BinaryCode(dim=DIM, small=0)
    with pytest.raises(UsageError, match=r"1 bits a block take (\d+) already") as caught:
        scheme.table(TableSpec(FIELDS, 10))
    least = int(str(caught.value).split("take ")[1].split()[0])
    assert len(file_bytes(scheme.table(TableSpec(FIELDS, least)))) <= least


def test_every_bit_is_in_one_block():
    for bits in range(1, 15):
        for step in range(1, bits + 1):
            for blocks in ("succession", "skip"):
                places = [place for block in positions_of(bits, step, blocks) for place in block]
                assert sorted(places) == list(range(bits))
