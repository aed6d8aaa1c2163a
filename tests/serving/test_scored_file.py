"""Scored rows in CSV and Parquet hold what went in, whatever its type."""

import datetime as dt
from decimal import Decimal
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cadc.data.canonical import plain
from cadc.data.column_block import Block
from cadc.errors import UsageError
from cadc.serving.scored_file import check_suffix, send_scored, write_scored

COLUMNS = [
    (pa.array(["a,b", 'c"d', "", None]), ['"a,b"', '"c""d"', "", ""]),
    (pa.array(["a", None], pa.string_view()), ["a", ""]),
    (pa.array([b"a", None]), ["a", ""]),
    (pa.array([b"a", None], pa.binary_view()), ["a", ""]),
    (pa.array(["a", None]).dictionary_encode(), ["a", ""]),
    (pa.array([2**64 - 1, None], pa.uint64()), ["18446744073709551615", ""]),
    (pa.array([1, None], pa.int8()), ["1", ""]),
    (pa.array([True, None]), ["True", ""]),
    (pa.array([0.1, None, 1e-20], pa.float32()), ["0.1", "", "1e-20"]),
    (pa.array(np.array([0.5], np.float16)), ["0.5"]),
    (pa.array([0.1, None, 1 / 3]), ["0.1", "", "0.3333333333333333"]),
    (pa.array([Decimal("1.50"), None]), ["1.50", ""]),
    (pa.array([dt.date(2024, 1, 1), None]), ["2024-01-01", ""]),
    (pa.array([dt.datetime(2024, 1, 1, 2, 3, 4, 5)]), ["2024-01-01 02:03:04.000005"]),
    (pa.nulls(2), ["", ""]),
]


@pytest.mark.parametrize(("values", "texts"), COLUMNS)
def test_csv_holds_every_type(values, texts):
    blocks = [Block("the file", 0, {"x": plain(values), "y": pa.array(["-"] * len(values))})]
    stream = StringIO()
    send_scored(stream, ["x", "y"], blocks * 2)
    assert stream.getvalue() == "x,y\n" + "".join(f"{text},-\n" for text in texts) * 2


@pytest.mark.parametrize(("values", "texts"), COLUMNS)
def test_parquet_keeps_every_type(values, texts, tmp_path):
    write_scored(tmp_path / "x.parquet", ["x"], [Block("the file", 0, {"x": plain(values)})] * 2)
    found = pa.parquet.read_table(tmp_path / "x.parquet").column("x")
    assert found.to_pylist() == values.to_pylist() * 2
    assert found.type == plain(values).type


def test_columns_without_rows_are_named(tmp_path):
    write_scored(tmp_path / "x.csv", ["a", "b"], [])
    assert (tmp_path / "x.csv").read_text() == "a,b\n"
    write_scored(tmp_path / "x.parquet", ["a", "b"], [])
    assert pa.parquet.read_schema(tmp_path / "x.parquet").names == ["a", "b"]


def test_a_fault_while_rows_are_read_sends_nothing():
    def blocks():
        yield Block("the file", 0, {"x": pa.array([1])})
        raise ValueError

    stream = StringIO()
    with pytest.raises(ValueError):
        send_scored(stream, ["x"], blocks())
    assert stream.getvalue() == ""


@pytest.mark.parametrize("name", ["x.XLSX", "x.tsv", "x.tsv.gz", "x.json", "x.csv.zip"])
def test_no_csv_is_written_under_the_suffix_of_another_format(name):
    with pytest.raises(UsageError, match="is not supported; use"):
        check_suffix(Path(name))


@pytest.mark.parametrize(
    "name", ["x.csv", "x.csv.gz", "x.parquet", "x.2024.csv", "/dev/stdout", "x.json.csv", "x.tsv.csv.gz"]
)
def test_csv_is_written_under_its_own_suffix_or_none(name):
    check_suffix(Path(name))
