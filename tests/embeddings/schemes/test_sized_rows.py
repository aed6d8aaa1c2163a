"""Tables whose rows have given lengths."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.table_file import file_bytes, read_table, write_table
from cadc.embeddings.schemes.sized_rows import SizedRows

FIELDS = (Field("user", "user", 4), Field("item", "item", 3))
DIM = 5


def table_of(lengths, dtype="float32"):
    sizes = {"user": torch.tensor(lengths[:4]), "item": torch.tensor(lengths[4:])}
    return SizedRows(dim=DIM, sizes=sizes, dtype=dtype).table(TableSpec(FIELDS))


def targets():
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(field.vocabulary_size, DIM, generator=generator) for field in FIELDS]


@given(st.lists(st.integers(0, DIM), min_size=7, max_size=7), st.sampled_from(["float32", "float16"]))
@settings(deadline=None, max_examples=50)
def test_each_row_keeps_the_prefix_of_its_target(lengths, dtype):
    table = table_of(lengths, dtype)
    table.initialise_from(targets())
    table.eval()
    expected = torch.cat(targets())
    for row, length in enumerate(lengths):
        expected[row, length:] = 0
    if dtype == "float16":
        expected = expected.half().float()
    torch.testing.assert_close(table.reconstruct(), expected, rtol=0, atol=0)


def test_a_file_holds_the_numbers_and_a_byte_for_each_length(tmp_path):
    table = table_of([5, 1, 2, 0, 3, 1, 4], "float16")
    table.initialise_from(targets())
    table.eval()
    write_table(table, tmp_path / "table.safetensors")
    read = read_table(tmp_path / "table.safetensors")
    torch.testing.assert_close(read.reconstruct(), table.reconstruct(), rtol=0, atol=0)
    empty = table_of([1, 0, 0, 0, 0, 0, 0], "float16")
    assert len(file_bytes(table)) - len(file_bytes(empty)) in range(2 * 15, 2 * 15 + 16)  # up to alignment
    assert table.index_bytes == 7


def test_lengths_beyond_the_columns_or_the_numbers_are_refused():
    table = table_of([1, 1, 1, 1, 1, 1, 1])
    with pytest.raises(ValueError, match="not 7 numbers from 0 to 5"):
        table.set_lengths(torch.tensor([6, 1, 0, 0, 0, 0, 0]))
    with pytest.raises(ValueError, match="add up to 8; expected 7"):
        table.set_lengths(torch.tensor([2, 1, 1, 1, 1, 1, 1]))


def test_training_moves_only_the_numbers_of_rows_that_were_looked_up():
    table = table_of([2, 3, 1, 1, 2, 2, 1])
    table.initialise_from(targets())
    table(torch.tensor([[1, 0]])).sum().backward()
    moved = table.weight.grad != 0
    assert moved[: table.numbers].tolist() == [False] * 2 + [True] * 3 + [False] * 2 + [True] * 2 + [False] * 3
    assert not moved[table.numbers :].any()


def test_columns_that_are_no_vectors_come_first():
    scheme = SizedRows(dim=4, sizes={})
    targets = {"user": torch.arange(8.0).view(2, 4), "item": torch.arange(4.0).view(1, 4), "other": None}
    found = scheme.arranged(targets, ["user"], extra_columns=2)
    assert found["user"].tolist() == [[2, 3, 0, 1], [6, 7, 4, 5]]
    assert found["item"].tolist() == [[0, 1, 2, 3]]
    assert found["other"] is None
