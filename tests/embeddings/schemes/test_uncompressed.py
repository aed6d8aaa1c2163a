"""The full table in float32, float16 and bfloat16, against NumPy and a rounding written by hand."""

import struct

import numpy as np
import pytest
import torch

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.table_file import file_bytes, read_table, write_table
from cadc.embeddings.schemes.full import Full, UncompressedTable
from tests.embeddings.support.schemes import bag_of

FIELDS = (Field("user", "user", 30), Field("tags", "item", 20, bag=True))
HALF = ["float16", "bfloat16"]


def table_of(dtype, scale=1.0):
    table = Full(dim=4, dtype=dtype).table(TableSpec(FIELDS))
    generator = torch.Generator().manual_seed(0)
    table.initialise_from([scale * torch.randn(field.vocabulary_size, 4, generator=generator) for field in FIELDS])
    return table


def rounded(values, dtype):
    """Round as the type does, to even, without torch."""
    values = values.numpy()
    if dtype == "float32":
        return values
    if dtype == "float16":
        return values.astype(np.float16).astype(np.float32)

    def one(value):
        bits = struct.unpack("<I", struct.pack("<f", value))[0]
        bits += 0x7FFF + (bits >> 16 & 1)
        return struct.unpack("<f", struct.pack("<I", bits & 0xFFFF0000))[0]

    return np.vectorize(one, otypes=[np.float32])(values)


@pytest.mark.parametrize("dtype", ["float32", *HALF])
def test_evaluation_looks_up_what_is_stored_and_training_the_exact_weights(dtype):
    table = table_of(dtype)
    exact = table.weight.detach().clone()
    ids = torch.arange(30).reshape(30, 1)
    assert torch.equal(table.train()(ids)[:, 0], exact[:30])
    assert np.array_equal(table.eval()(ids)[:, 0].detach().numpy(), rounded(exact[:30], dtype))
    lists = [[1, 2, 5], [], [19]]
    found = table.pooled("tags", bag_of(lists)).detach().numpy()
    stored = rounded(exact[30:], dtype)
    expected = np.stack([stored[row].mean(0) if row else np.zeros(4) for row in lists])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert torch.equal(table.weight, exact), "an evaluation does not round what is trained"


@pytest.mark.parametrize("dtype", HALF)
def test_half_the_bytes_are_stored_and_come_back(dtype, tmp_path):
    table = table_of(dtype)
    assert len(file_bytes(table_of("float32"))) - len(file_bytes(table)) == pytest.approx(50 * 4 * 2, abs=16)
    write_table(table, tmp_path / "table")
    again = read_table(tmp_path / "table")
    assert isinstance(again, UncompressedTable)
    assert torch.equal(again.reconstruct(), table.reconstruct())
    assert np.array_equal(again.weight.detach().numpy(), rounded(table.weight.detach(), dtype))


@pytest.mark.parametrize("dtype", HALF)
def test_gradients_are_those_of_the_exact_table(dtype):
    table, exact = table_of(dtype).train(), table_of("float32").train()
    ids = torch.tensor([[1], [2], [1]])
    for each in (table, exact):
        each(ids).square().sum().backward()
    assert torch.equal(table.weight.grad, exact.weight.grad)


def test_what_float16_cannot_hold_becomes_its_largest_number(tmp_path):
    table = table_of("float16", scale=1e6)
    write_table(table, tmp_path / "table")
    found = read_table(tmp_path / "table").reconstruct()
    assert float(found.max()) == 65504 and float(found.min()) == -65504
    assert torch.equal(table.eval().reconstruct(), found)


def test_only_float32_counts_as_uncompressed():
    assert [Full(dim=4, dtype=dtype).is_compressing for dtype in ("float32", *HALF)] == [False, True, True]


class Doubled(UncompressedTable):
    """Makes something else of its rows."""

    def vectors(self, rows):
        return 2 * super().vectors(rows)


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("is_training", [False, True])
def test_what_a_derived_table_makes_of_its_rows_is_looked_up_in_training_and_in_evaluation(is_training, is_sparse):
    plain, doubled = UncompressedTable(FIELDS, 4), Doubled(FIELDS, 4).train(is_training)
    doubled.sparse_gradient = is_sparse
    plain.reset(1.0, torch.Generator().manual_seed(0))
    doubled.load_state_dict(plain.state_dict())
    batch = torch.tensor([[1], [29], [1]], dtype=torch.int32), {"tags": bag_of([[1, 2, 5], [], [19]])}
    expected, found = plain.train().of_batch(*batch), doubled.of_batch(*batch)
    torch.testing.assert_close(found, 2 * expected)
    expected.sum().backward()
    found.sum().backward()
    assert doubled.weight.grad.is_sparse == (is_training and is_sparse)
    torch.testing.assert_close(doubled.weight.grad.to_dense(), 2 * plain.weight.grad)
