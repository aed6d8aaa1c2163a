"""ROBE against its formula in Python's whole numbers, which cannot overflow."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.table_file import file_bytes
from cadc.embeddings.coding.hashes import PRIME, modulo_
from cadc.embeddings.schemes.robe import Robe, RobeTable
from cadc.errors import UsageError

FIELDS = (Field("user", "user", 400), Field("item", "item", 300))


def slot_by_the_paper(v, i, slots, block, hashed):
    r1, r2, r3 = hashed
    return ((v * r3 + (i // block) * r2 + r1) % PRIME) % (slots - block + 1) + i % block


def sign_by_the_text(v, i, slots, block, hashed):
    r1, r2, r3 = hashed
    return -1 if (v * r3 + (i // block) * r2 + r1) % PRIME // (slots - block + 1) % 2 else 1


@st.composite
def tables(draw):
    dim = draw(st.integers(1, 20))
    block = draw(st.integers(1, dim))
    slots = draw(st.integers(block, 10**6))
    hashed = draw(st.lists(st.integers(1, PRIME - 1), min_size=3, max_size=3))
    n_rows = draw(st.integers(1, 2**31 - 1))
    return RobeTable([Field("user", "user", n_rows)], dim, slots, block, hashed, draw(st.booleans()))


@settings(max_examples=60, deadline=None)
@given(tables(), st.data())
def test_slots_and_signs_follow_the_formula(table, data):
    rows = data.draw(st.lists(st.integers(0, min(table.n_rows, PRIME) - 1), min_size=1, max_size=5))
    arguments = (table.slots, table.block, table.hashed)
    slots = torch.tensor([[slot_by_the_paper(v, i, *arguments) for i in range(table.dim)] for v in rows])
    signs = torch.tensor([[sign_by_the_text(v, i, *arguments) for i in range(table.dim)] for v in rows])
    negative = (signs < 0) * table.slots if table.is_signed else 0
    assert torch.equal(table.slots_of(torch.tensor(rows)).long(), slots + negative)
    table.reset(1.0, torch.Generator().manual_seed(0))
    expected = table.memory[slots] * (signs if table.is_signed else 1)
    assert torch.equal(table.vectors(torch.tensor(rows)), expected)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1), st.integers(1, 2**32 - 1))
def test_remainders_in_floating_point_are_exact(numbers, m):
    hard = [m * (numbers[0] // m), m * (numbers[0] // m) + m - 1, m - 1]
    numbers = [number for number in (*numbers, *hard) if number < 2**32]
    assert modulo_(torch.tensor(numbers, dtype=torch.float64), m).tolist() == [number % m for number in numbers]


def test_signs_are_even_and_independent_of_slots():
    table = RobeTable(FIELDS, 16, 50, 1, [123_456_789, 987_654_321, 1_122_334_455], signed=True)
    places = torch.bincount(table.slots_of(torch.arange(700)).long().flatten(), minlength=100)
    assert len(places) == 100
    assert (places > 112 / 2).all() and (places < 112 * 2).all()


@pytest.mark.parametrize("block", [1, 4, 5, 16, 99])
@pytest.mark.parametrize("signs", [False, True])
def test_the_budget_is_used_up_to_less_than_a_number(block, signs):
    scheme = Robe(dim=16, budget=3000, block=block, signs=signs)
    table = scheme.table(TableSpec(FIELDS, 3000))
    assert 2992 < len(file_bytes(table)) <= 3000  # headers come in steps of 8
    assert table.block == min(block, 16)


def test_the_least_budget_holds_one_block():
    with pytest.raises(UsageError, match=r"budget is 100 bytes, .*4 slots take (\d+)") as caught:
        Robe(dim=16, block=4).table(TableSpec(FIELDS, 100))
    least = int(str(caught.value).split(" slots take ")[1].split()[0])
    table = Robe(dim=16, block=4).table(TableSpec(FIELDS, least))
    assert table.slots == 4
    assert table.vectors(torch.tensor([0, 699])).shape == (2, 16)


def test_a_block_of_no_numbers_is_refused():
    with pytest.raises(UsageError, match=r"embedding\.block is 0.* 1"):
        Robe(block=0)
