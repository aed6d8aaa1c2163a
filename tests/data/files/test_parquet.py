"""Parquet files are read whole, in any pieces, or a sentence says why not."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from cadc.data.columns import read_columns
from cadc.data.files import parquet
from cadc.errors import CadcError, DataError

TABLE = pa.table({"user": [f"u{row % 40}" for row in range(3000)], "rating": list(range(3000))})


def read(path, name="user"):
    return [value for block in read_columns(path, [name]) for value in block.columns[name].to_pylist()]


@pytest.mark.parametrize("rows", [1, 7, 1 << 18])
@pytest.mark.parametrize("group", [1, 100, 5000])
def test_rows_come_in_order_whatever_the_pieces(tmp_path, monkeypatch, rows, group):
    monkeypatch.setattr(parquet, "BATCH_ROWS", rows)
    table = TABLE.slice(0, 300)
    pa.parquet.write_table(table, tmp_path / "t.parquet", row_group_size=group)
    assert read(tmp_path / "t.parquet") == table["user"].to_pylist()


def test_a_long_value_shortens_the_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "BATCH_BYTES", 10_000)
    pa.parquet.write_table(pa.table({"user": ["a", "b" * 1000] * 100}), tmp_path / "t.parquet")
    blocks = list(read_columns(tmp_path / "t.parquet", ["user"]))
    assert max(len(block.columns["user"]) for block in blocks) <= 10
    assert [block.first_row for block in blocks] == list(range(0, 200, len(blocks[0].columns["user"])))


def test_flipped_bytes_are_noticed_where_the_file_has_checksums(tmp_path):
    path = tmp_path / "t.parquet"
    pa.parquet.write_table(TABLE, path, write_page_checksum=True)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    n_refused = 0
    for _ in range(60):
        spoilt = bytearray(content)
        spoilt[rng.integers(len(spoilt))] ^= 1 << rng.integers(8)
        path.write_bytes(spoilt)
        try:
            blocks = list(read_columns(path, TABLE.column_names))
            for name in TABLE.column_names:
                assert [value for block in blocks for value in block.columns[name].to_pylist()] == TABLE[
                    name
                ].to_pylist()
        except CadcError:
            n_refused += 1
    assert n_refused > 30


@pytest.mark.parametrize("dictionary", [True, False])
def test_bytes_of_another_encoding_in_a_column_of_texts_are_refused(tmp_path, dictionary):
    latin = pa.array([b"a", "é".encode("latin-1")]).view(pa.string())
    pa.parquet.write_table(pa.table({"user": latin}), tmp_path / "t.parquet", use_dictionary=dictionary)
    with pytest.raises(DataError, match=r"t\.parquet: column user is not text in UTF-8 in rows 1 to 2; write it again"):
        read(tmp_path / "t.parquet")


@pytest.mark.parametrize("values", [[[1]], [{"a": 1}]])
def test_column_of_several_values_is_refused(tmp_path, values):
    pa.parquet.write_table(pa.table({"user": values, "item": [1]}), tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet", "item") == [1]
    with pytest.raises(DataError, match=r"column user holds .*; expected one value in each row"):
        read(tmp_path / "t.parquet")


def test_columns_of_equal_names_are_refused_only_if_they_are_wanted(tmp_path):
    columns = [pa.array([1]), pa.array([2]), pa.array([3])]
    pa.parquet.write_table(pa.Table.from_arrays(columns, ["user", "x", "x"]), tmp_path / "t.PQ")
    assert read(tmp_path / "t.PQ") == [1]
    with pytest.raises(DataError, match="has 2 columns named 'x'"):
        read(tmp_path / "t.PQ", "x")


def test_deeply_nested_types_are_refused(tmp_path):
    kind = pa.int8()
    for _ in range(500):
        kind = pa.list_(kind)
    pa.parquet.write_table(pa.table({"user": [1], "deep": pa.nulls(1, kind)}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="too deeply nested"):
        read(tmp_path / "t.parquet")
