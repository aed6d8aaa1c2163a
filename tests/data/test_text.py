import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data import text
from cadc.data.text import positions, read_numbers, read_table, whole_numbers
from cadc.errors import DataError

COLUMNS = {"user": np.int64, "item": np.int64, "rating": np.float32}


def read(path, separator="::", columns=COLUMNS):
    blocks = list(read_numbers(path, separator, columns))
    return {name: np.concatenate([block[name] for block in blocks]) for name in columns}


@given(
    st.lists(
        st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 10**6), st.floats(-1e6, 1e6, width=32)),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from(["::", "\t", "|", ","]),
    st.sampled_from(["\n", "\r\n"]),
)
@settings(deadline=None, max_examples=60)
def test_written_numbers_are_read_back_whatever_the_separator_and_line_end(tmp_path_factory, rows, separator, end):
    path = tmp_path_factory.mktemp("numbers") / "rows.dat"
    path.write_bytes("".join(separator.join(map(str, row)) + end for row in rows).encode())
    found = read(path, separator)
    for column, (name, dtype) in enumerate(COLUMNS.items()):
        assert found[name].dtype == dtype
        assert found[name].tolist() == np.array([row[column] for row in rows], dtype).tolist()


def test_a_file_of_many_blocks_is_read_whole_and_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK_BYTES", 1000)
    path = tmp_path / "rows.dat"
    path.write_text("".join(f"{n}::{n % 7}::{n / 2}\n" for n in range(3000)))
    assert len(list(read_numbers(path, "::", COLUMNS))) > 10
    assert read(path)["user"].tolist() == list(range(3000))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("7::8", "found 2 columns, expected 3"),
        ("7::8::4.5::1", "found 4 columns, expected 3"),
        ("7::8::good", "'good' in column rating is not a number"),
        ("7::8::", "'' in column rating is not a number"),
        ("7::8::nan", "'nan' in column rating is not a number"),
        ("7::8::inf", "'inf' in column rating is not a number"),
        ("7::8.5::4", "'8.5' in column item is not a whole number"),
        ("u7::8::4", "'u7' in column user is not a whole number"),
        ("99999999999999999999::8::4", "'99999999999999999999' in column user is not a whole number"),
        ("7:8:4", "found 1 columns, expected 3"),
        ("7::8:4::3", "'8:4' in column item is not a whole number"),
    ],
)
@pytest.mark.parametrize("n_before", [0, 400])
def test_first_faulty_line_is_named_with_file_and_number(tmp_path, monkeypatch, line, says, n_before):
    monkeypatch.setattr(text, "BLOCK_BYTES", 1000)
    path = tmp_path / "rows.dat"
    path.write_text("1::2::3.5\n" * n_before + line + "\n" + "1::2::3.5\n" * 3)
    with pytest.raises(DataError) as error:
        read(path)
    assert f"{path}, line {n_before + 1}: {says}" in str(error.value)


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_file_without_numbers_is_called_empty_or_yields_no_rows(tmp_path, content):
    path = tmp_path / "rows.dat"
    path.write_text(content)
    try:
        assert sum(len(block["user"]) for block in read_numbers(path, "::", COLUMNS)) == 0
    except DataError as error:
        assert f"{path} is empty" in str(error)


@pytest.mark.parametrize("reader", [lambda path: read(path), lambda path: read_table(path, "|", 2, "latin-1")])
def test_missing_file_and_folder_in_place_of_a_file_cannot_be_read(tmp_path, reader):
    with pytest.raises(DataError, match=r"nowhere\.dat cannot be read"):
        reader(tmp_path / "nowhere.dat")
    (tmp_path / "folder.dat").mkdir()
    with pytest.raises(DataError, match=r"folder\.dat cannot be read"):
        reader(tmp_path / "folder.dat")


def test_table_keeps_accents_colons_and_empty_columns(tmp_path):
    path = tmp_path / "movies.dat"
    path.write_text("1::Misérables: Les (1995)::\n2::B (1990)::Drama|War\n", encoding="latin-1")
    columns = read_table(path, "::", 3, "latin-1")
    assert columns == [["1", "2"], ["Misérables: Les (1995)", "B (1990)"], ["", "Drama|War"]]


def test_table_names_the_line_of_another_width_and_an_empty_file(tmp_path):
    path = tmp_path / "users.dat"
    path.write_text("1|F\n2\n")
    with pytest.raises(DataError, match=r"users\.dat, line 2: .*1 column.* 2"):
        read_table(path, "|", 2, "latin-1")
    path.write_text("")
    with pytest.raises(DataError, match=r"users.dat is empty"):
        read_table(path, "|", 2, "latin-1")


def test_table_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "users.dat"
    path.write_bytes("1|é\n".encode("latin-1"))
    with pytest.raises(DataError, match="is not text in utf-8"):
        read_table(path, "|", 2, "utf-8")


def test_ids_must_be_different_whole_numbers(tmp_path):
    path = tmp_path / "users.dat"
    assert whole_numbers(["3", "1"], path, "user").tolist() == [3, 1]
    with pytest.raises(DataError, match=r"row 2: 'x' .*column user"):
        whole_numbers(["3", "x"], path, "user")
    with pytest.raises(DataError, match="user 3 is duplicated"):
        whole_numbers(["3", "1", "3"], path, "user")


@pytest.mark.parametrize("text_of_id", ["99999999999999999999", "\N{SUPERSCRIPT TWO}", "-1", "1_000", ""])
def test_ids_that_no_column_of_ids_holds_are_refused_in_one_sentence(tmp_path, text_of_id):
    with pytest.raises(DataError, match="row 2"):
        whole_numbers(["3", text_of_id], tmp_path / "users.dat", "user")


@given(st.lists(st.integers(-50, 50), min_size=1, unique=True), st.data())
@settings(deadline=None, max_examples=60)
def test_positions_equal_a_naive_search(tmp_path_factory, keys, data):
    path = tmp_path_factory.getbasetemp() / "ratings.dat"
    ids = data.draw(st.lists(st.sampled_from(keys), min_size=1))
    found = positions(np.array(ids), np.array(keys), "user", path, path)
    assert found.tolist() == [keys.index(value) for value in ids]
    with pytest.raises(DataError, match=r"user 51.* ratings\.dat"):
        positions(np.array([*ids, 51]), np.array(keys), "user", path, path)
