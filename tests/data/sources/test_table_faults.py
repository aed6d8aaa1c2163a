"""What the file of a table holds and should not gets one sentence: rows, types, encodings, files that are no table."""

import gzip

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from cadc.data import columns as columns_module
from cadc.errors import DataError
from tests.data.made_up_sales import sentence

ROW = {"customer": "000", "product": "p0", "bought": "1", "stars": "3", "day": "2024-01-01", "country": "fr"}
ROW |= {"brand": "a", "tags": "x|y", "device": "tv", "price": "0.5", "unused": ""}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bought": "2"}, "row 201: column bought '2' is not a label"),
        ({"bought": "yes"}, "row 201: column bought 'yes' is not a number."),
        ({"bought": ""}, "row 201: column bought is missing; expected a number."),
        ({"price": "dear"}, "row 201: column price 'dear' is not a number."),
        ({"price": "inf"}, "row 201: column price 'inf' is not a finite number."),
        ({"price": ""}, "row 201: column price is missing; expected a number."),
        ({"customer": ""}, "row 201: column customer is missing; every row needs one."),
        ({"product": ""}, "row 201: column product is missing; every row needs one."),
        ({"day": "soon"}, "row 201: column day 'soon' is not a time; expected seconds"),
        ({"day": ""}, "row 201: column day is missing; expected seconds"),
        ({"day": "77"}, "column day mixes ways to write a time"),
        ({"brand": "b"}, "row 201: item 'p0' has brand 'b' here and 'a' before"),
        ({"tags": "y|x"}, "row 201: item 'p0' has tags 'y|x' here and 'x|y' before"),
        ({"country": "de"}, "row 201: user '000' has country 'de' here and 'fr' before"),
        (
            {"unused": "a,b,c"},
            "line 202: found 13 columns in '000,p0,1,3,2024-01-01,fr,a,x|y,tv,0.5,a,b,c', expected the 11",
        ),
    ],
)
@pytest.mark.parametrize("block", [1 << 23, 1 << 11])
def test_faulty_row_is_named(path, change, says, block, monkeypatch):
    monkeypatch.setattr(columns_module, "BLOCK_BYTES", block)
    with path.open("a") as file:
        file.write(",".join((ROW | change).values()) + "\n")
    message = sentence(path)
    assert str(path) in message
    assert says in message


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.csv", b"", "t.csv is empty; expected a line of column names, then rows."),
        ("t.csv", ",".join(ROW).encode() + b"\n", "table holds no rows"),
        (
            "t.csv",
            b"customer,customer,a\n1,2,3\n",
            "t.csv has 2 columns named 'customer'",
        ),
        ("t.csv", ",".join(ROW).encode() + b"\n1,2,1,1,1,\xff\xfe,1,1,1,1,1\n", "t.csv is not text in UTF-8"),
        ("t.xls", b"1", "t.xls ends in none of .csv"),
        ("t.parquet.gz", b"1", "t.parquet.gz ends in none of .csv"),
        ("t.csv.gz", b"", "t.csv.gz is empty; expected a line of column names, then rows."),
        ("t.csv.gz", b"customer,product\n", "t.csv.gz cannot be read: zlib inflate failed: incorrect header check."),
        (
            "t.csv",
            b"a:b:c\n1:2:3\n",
            "has no column 'customer'; it has 'a:b:c' alone; columns are separated by commas, semi",
        ),
        (
            "t.csv",
            b"a;b\n1;2,5\n",
            "t.csv has no column 'customer'; it has 'a', 'b'.",
        ),
        ("t.parquet", b"", "t.parquet cannot be read: Parquet file size is 0 bytes."),
        ("t.parquet", b"customer,product\n1,1\n", "t.parquet cannot be read: Parquet magic bytes not found"),
        ("t.csv", None, "t.csv cannot be read: no such file or directory."),
    ],
)
def test_file_that_is_no_table_is_named(tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert says in sentence(tmp_path / name)


def test_what_a_file_holds_cannot_write_to_the_terminal(tmp_path):
    path = tmp_path / "t.csv"
    for content in ("a\x1b[2J,b\n1,2\n", "customer,b\n\x1b[2J" + "x" * 10_000 + "\n"):
        path.write_text(content)
        message = sentence(path)
        if content.startswith("customer"):
            with pytest.raises(DataError) as error:
                list(columns_module.read_columns(path, ["customer"]))
            message = str(error.value)
        assert message.isprintable()
        assert len(message) < 500


def test_truncated_compressed_table_is_named(path):
    cut = path.with_name("cut.csv.gz")
    cut.write_bytes(gzip.compress(path.read_bytes())[:-50])
    assert sentence(cut).endswith("cut.csv.gz cannot be read: truncated compressed stream.")


def test_faulty_row_of_a_compressed_table_is_named(path, monkeypatch):
    monkeypatch.setattr(columns_module, "BLOCK_BYTES", 1 << 11)
    faulty = path.with_name("faulty.csv.gz")
    faulty.write_bytes(gzip.compress(path.read_bytes() + ",".join((ROW | {"price": "dear"}).values()).encode()))
    assert sentence(faulty).endswith("faulty.csv.gz, row 201: column price 'dear' is not a number.")


def test_folder_without_files_is_named(tmp_path):
    (tmp_path / "t.csv").mkdir()
    assert "t.csv is a folder without files; expected" in sentence(tmp_path / "t.csv")


def test_truncated_parquet_is_named(path, tmp_path):
    whole = tmp_path / "t.parquet"
    pd.read_csv(path).to_parquet(whole)
    whole.write_bytes(whole.read_bytes()[:-9])
    assert f"{whole} cannot be read" in sentence(whole)


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        (
            "customer",
            pa.array([1.5] * 4),
            "row 1: column customer '1.5' has a fraction; expected texts or whole numbers.",
        ),
        ("customer", pa.array([1, 2, None, 3]), "row 3: column customer is missing; every row needs one."),
        ("brand", pa.array([[1]] * 4), "column brand holds list"),
        ("bought", pa.array(["0", "1", "x", "1"]), "row 3: column bought 'x' is not a number."),
        ("bought", pa.array([0, 1, None, 1]), "row 3: column bought is missing"),
        ("bought", pa.array([0, 1, 3, 1]), "row 3: column bought '3' is not a label"),
        ("price", pa.array([0.5, 1, float("nan"), 1]), "row 3: column price 'nan' is not a finite number."),
        ("price", pa.array([b"1"] * 4), "column price holds binary; expected a number."),
        ("day", pa.array([1.0, 2.0, 1e300, 3.0]), "row 3: column day '1e+300' is not a whole number"),
        (
            "day",
            pa.array([1.0, 2.0, 1704103200.0, 3.0], pa.float32()),
            "row 3: column day '1704103168.0' is not below 16,777,216",
        ),
        ("day", pa.array([0.000000001, 2.0, 1e15, 3.0]), "too far apart or too fine for 64 bits"),
        (
            "customer",
            pa.array([1.0, 2.0**53 + 2, 2.0, 3.0]),
            "row 2: column customer '9007199254740994.0' is not below",
        ),
        ("customer", pa.array([b"a", b"b", b"\xff", b"c"]), "row 3: column customer b'\\xff' is not text in UTF-8"),
    ],
)
def test_parquet_of_the_wrong_types_is_named(tmp_path, column, values, says):
    columns = {
        "customer": pa.array(["a", "b", "c", "d"]),
        "product": pa.array(range(4)),
        "bought": pa.array([0, 1, 0, 1]),
    }
    columns |= {"day": pa.array(range(4)), "country": pa.array(["x"] * 4), "brand": pa.array(["x"] * 4)}
    columns |= {"tags": pa.array(["x"] * 4), "device": pa.array(["x"] * 4), "price": pa.array([0.0] * 4)}
    pa.parquet.write_table(pa.table(columns | {column: values}), tmp_path / "t.parquet")
    assert says in sentence(tmp_path / "t.parquet")
