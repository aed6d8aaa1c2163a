"""What a text file holds is read by its lines, or a sentence names the line that cannot be."""

import csv
import gzip
import random

import pytest

from cadc.data import columns as columns_module
from cadc.data.columns import read_columns
from cadc.errors import DataError

LINES = [f"{number % 37},{number % 31},{number % 2},plain" for number in range(600)]


def read(path, content, names=("user", "item"), **options):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    blocks = list(read_columns(path, list(names), **options))
    return [row for block in blocks for row in zip(*(block.columns[name].to_pylist() for name in names), strict=True)]


def table(**titles: str) -> str:
    """Return 600 lines, some of which have other titles: `_100` gives that of line 102, the hundredth from 0."""
    lines = list(LINES)
    for at, title in titles.items():
        lines[int(at[1:])] = lines[int(at[1:])].removesuffix("plain") + title
    return "\n".join(["user,item,label,title", *lines]) + "\n"


@pytest.mark.parametrize("block", [1 << 23, 1 << 9])
@pytest.mark.parametrize(
    ("titles", "says"),
    [
        ({"_100": '"Weird'}, "line 102: a quote opens a value here that is never closed."),
        ({"_599": '"Weird'}, "line 601: a quote opens a value here that is never closed."),
        (
            {"_100": '"Weird', "_200": '"Odd'},
            "line 102: a quote opens a value here; the next one, in line 202, is",
        ),
        ({"_100": '"Weird', "_200": 'Odd"'}, "lines 102 to 202 are one row, since a quote opens a value and another"),
        ({"_100": '"Weird', "_101": 'Odd"'}, "lines 102 to 103 are one row"),
        ({"_100": '"', "_101": '"'}, "lines 102 to 103 are one row"),
        (
            {"_100": '"a" b'},
            "line 102: a quote opens a value here; the next one, in the same line, is followed by",
        ),
        ({"_100": "a,b"}, "line 102: found 5 columns in '26,7,0,a,b', expected the 4 that the first line names."),
        ({"_100": "a\rb"}, "line 102 holds a carriage return where lines end in a line feed; quote the value"),
        ({"_100": "a\0b"}, "line 102 holds a NUL byte"),
        ({"_100": "a\n\ufeff1,2,3,b"}, "line 103 begins with a byte order mark"),
        ({"_100": "a\n   "}, "line 103: found 1 columns in '   ', expected the 4"),
    ],
)
def test_faulty_line_of_a_csv_is_named(tmp_path, monkeypatch, block, titles, says):
    monkeypatch.setattr(columns_module, "BLOCK_BYTES", block)
    with pytest.raises(DataError) as error:
        read(tmp_path / "log.csv", table(**titles))
    assert str(error.value).startswith(f"{tmp_path / 'log.csv'}, {says}")


def test_quotes_inside_values_and_in_files_without_quoting_are_characters(tmp_path):
    titles = {"_100": '5" nail', "_200": 'say "hi" now'}
    assert len(read(tmp_path / "log.csv", table(**titles))) == 600
    titles |= {"_300": '"Weird', "_400": 'Odd"', "_500": '"'}
    rows = read(tmp_path / "log.tsv", table(**titles).replace(",", "\t"), ["user", "title"])
    assert [rows[int(at[1:])][1] for at in titles] == list(titles.values())
    assert len(rows) == 600
    assert read(tmp_path / "log.csv", table(**titles), ["user", "title"], quoting="none") == rows


def test_quoting_of_a_file_with_tabs_is_that_of_its_names_unless_asked(tmp_path, capsys):
    rows = 'a\t"b\tc"\n'
    assert read(tmp_path / "log.tsv", '"user"\t"item"\n' + rows) == [("a", "b\tc")]
    assert read(tmp_path / "log.tsv", "user\titem\n" + rows, quoting="double") == [("a", "b\tc")]
    with pytest.raises(DataError, match=r"line 2: found 3 columns .* if quotes enclose values, set data"):
        read(tmp_path / "log.tsv", "user\titem\n" + rows)
    assert capsys.readouterr().err == ""
    assert read(tmp_path / "log.tsv", 'user\titem\n"a"\t"b"\n') == [('"a"', '"b"')]
    assert "2 values begin and end with quotes, which are kept" in capsys.readouterr().err


@pytest.mark.parametrize("n_rows", [3, 3000])
@pytest.mark.parametrize("block", [1 << 23, 1 << 10])
def test_texts_with_quoted_line_breaks_are_read_and_mentioned(tmp_path, monkeypatch, capsys, n_rows, block):
    monkeypatch.setattr(columns_module, "BLOCK_BYTES", block)
    rng = random.Random(0)
    words = ["good,", "I", "liked", '"it"', "5", "stars;", "10/10", "well,"]
    rows = [
        (f"user{row % 9}", str(row % 7), "".join(rng.choice(words) + rng.choice("  \n") for _ in range(12)))
        for row in range(n_rows)
    ]
    path = tmp_path / "log.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("user", "item", "review"), *rows])
    assert read(path, path.read_bytes(), ("user", "item", "review")) == rows
    n_broken = sum("\n" in review for _, _, review in rows)
    assert f"{n_broken:,} of {n_rows:,} rows hold line breaks in quotes" in capsys.readouterr().err


def test_row_that_looks_like_several_is_read_if_quoting_is_asked_for(tmp_path):
    rows = read(tmp_path / "log.csv", table(_100='"Weird', _101='Odd"'), ["title"], quoting="double")
    assert len(rows) == 599
    assert rows[100] == ("Weird\n27,8,1,Odd",)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize("last", ["", "end"])
@pytest.mark.parametrize("begin", ["", "\ufeff"])
def test_line_ends_blank_lines_and_marks_change_nothing(tmp_path, end, last, begin):
    lines = ["user,item", "", "1,2", "", "", '"3 ",  4', ""]
    content = begin + end.join(lines) + (end if last else "")
    assert read(tmp_path / "log.csv", content) == [("1", "2"), ("3 ", "  4")]


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".tsv", ".Txt", ".csv.gz", ".TSV.GZ"])
def test_suffix_tells_the_format_in_any_case(tmp_path, suffix):
    separator = "," if "csv" in suffix.lower() else "\t"
    content = f"user{separator}item\n1{separator}2\n".encode()
    packed = gzip.compress(content) if suffix.lower().endswith(".gz") else content
    assert read(tmp_path / f"log{suffix}", packed) == [("1", "2")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "shift_jis"])
def test_text_in_another_encoding_is_never_read(tmp_path, encoding):
    letter = "日" if encoding == "shift_jis" else "é"
    with pytest.raises(DataError, match=r"UTF-8|NUL"):
        read(tmp_path / "log.csv", f"user,item,name\n1,2,{letter}\n".encode(encoding))


def test_byte_of_another_encoding_is_named_with_its_line_wherever_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(columns_module, "BLOCK_BYTES", 256)
    content = "user,item\n" + "日本,é\n" * 300
    assert len(read(tmp_path / "log.csv", content)) == 300
    with pytest.raises(DataError, match="line 302 holds the byte 0xe9 of another encoding"):
        read(tmp_path / "log.csv", content.encode() + b"1,\xe9\n" + content.encode())


def test_columns_of_equal_names_are_refused_only_if_they_are_wanted(tmp_path):
    content = "user,item,note,note,,\n1,2,3,4,5,6\n"
    assert read(tmp_path / "log.csv", content) == [("1", "2")]
    with pytest.raises(DataError, match="has 2 columns named 'note'"):
        read(tmp_path / "log.csv", content, ["user", "note"])


@pytest.mark.parametrize("row", ["1,2,3", "1", "1,2,"])
def test_rows_of_another_width_than_the_header_are_refused_though_all_are(tmp_path, row):
    with pytest.raises(DataError, match=r"line 2: found [13] columns in .*, expected the 2 that the first line names"):
        read(tmp_path / "log.csv", "user,item\n" + f"{row}\n" * 50)


def test_blank_line_in_a_file_of_one_column_may_be_a_value(tmp_path):
    assert read(tmp_path / "log.csv", '\nuser\n1\n""\n2\n', ["user"]) == [("1",), ("",), ("2",)]
    with pytest.raises(DataError, match="line 3 is blank, which may be an empty value or no row"):
        read(tmp_path / "log.csv", "user\n1\n\n2\n", ["user"])
