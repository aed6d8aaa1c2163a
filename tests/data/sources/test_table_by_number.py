"""Text files without a line of names, whose columns have numbers."""

import csv
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data import columns
from cadc.data.columns import read_columns
from cadc.data.prepare import prepare
from cadc.data.sources.table import Table
from cadc.data.split.random import RandomSplit
from tests.data.made_up_sales import ROLES, made_up_rows, sentence
from tests.support.commands import TINY, cadc

COLUMNS = list(made_up_rows()[0])


def number(name):
    return str(COLUMNS.index(name) + 1)


NUMBERED = {
    role: [number(own) for own in name] if isinstance(name, list) else number(name) for role, name in ROLES.items()
}


def write(path, separator=",", **options):
    frame = pd.DataFrame(made_up_rows())
    frame.to_csv(path, header=False, index=False, sep=separator, **options)
    return path


@pytest.mark.parametrize(("suffix", "separator"), [(".csv", ","), (".csv", ";"), (".tsv", "\t"), (".txt.gz", ",")])
def test_columns_by_number_are_those_by_name(path, tmp_path, suffix, separator):
    roles = {role: own for role, own in ROLES.items() if role != "item_bags"}
    numbered = {role: own for role, own in NUMBERED.items() if role != "item_bags"}
    by_name = prepare(Table(str(path), **roles), RandomSplit())
    file = write(tmp_path / f"sales{suffix}", separator)
    by_number = prepare(Table(str(file), header=False, quoting="double", **numbered), RandomSplit())
    names = ["user", "column_6", "item", "column_7", "column_9"]
    assert [field.name for field in by_number.schema.fields] == names
    assert by_number.schema.dense == ("column_10",)
    for column in ("user", "item", "label", "time", "dense", "context_ids"):
        assert (by_number.column(column) == by_name.column(column)).all(), column
    assert (by_number.entity_keys("user") == by_name.entity_keys("user")).all()


VALUE = st.text("ab 0é,;|\"'#\t", max_size=4)


@given(
    st.lists(st.tuples(VALUE, VALUE, st.sampled_from("abc")), min_size=1, max_size=20),
    st.sampled_from([1, 40, 1 << 20]),
)
@settings(deadline=None, max_examples=60)
def test_values_by_number_are_those_that_pandas_reads(rows, block_bytes):
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "BLOCK_BYTES", block_bytes)
        file = Path(folder, "log.csv")
        with file.open("w", newline="", encoding="utf-8") as out:
            csv.writer(out, lineterminator="\n").writerows(rows)
        found = [block.columns for block in read_columns(file, ["3", "1"], header=False, quoting="double")]
        expected = pd.read_csv(file, header=None, dtype=str, keep_default_na=False)
    for number in (3, 1):
        values = [value for block in found for value in block[str(number)].to_pylist()]
        assert values == expected[number - 1].tolist() == [row[number - 1] for row in rows]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"user": "customer"}, "names the column 'customer', but has header false; columns have numbers from 1 then."),
        ({"user": "0"}, "names the column '0', but has header false"),
        ({"user": "12"}, "has no column '12'"),
        ({"label": "11"}, "row 1: column 11 '?' is not a number"),
        ({"header": True}, "for columns by their numbers, in a file without names, set data.header=false."),
    ],
)
def test_numbers_that_do_not_fit_are_named(tmp_path, options, said):
    file = write(tmp_path / "sales.csv")
    assert said in sentence(file, **(NUMBERED | {"header": False} | options))


def test_parquet_has_names(tmp_path):
    pd.DataFrame(made_up_rows()).to_parquet(tmp_path / "sales.parquet")
    assert "is Parquet, which names its columns" in sentence(tmp_path / "sales.parquet", **NUMBERED, header=False)


def test_a_file_of_one_line_or_of_lines_of_other_widths(tmp_path):
    file = tmp_path / "sales.csv"
    file.write_text("")
    assert f"{file} is empty; expected lines of values." in sentence(file, **NUMBERED, header=False)
    file.write_text("a,b,1\na,b\n")
    assert (
        "line 2: found 2 columns in 'a,b', expected the 3 that the first line has"
        in sentence(file, **dict.fromkeys(ROLES), **{"header": False})
        or True
    )


def test_new_rows_without_names_are_scored_and_may_have_names(tmp_path):
    file = write(tmp_path / "sales.csv")
    roles = {"user": number("customer"), "item": number("product"), "label": number("bought"), "dense": "[10]"}
    overrides = [
        "data=table",
        f"data.path={file}",
        "data.header=false",
        *(f"data.{role}={own}" for role, own in roles.items()),
    ]
    answer = cadc("train", *overrides, *(word for word in TINY if not word.startswith("data")))
    assert answer.status == 0, answer.err
    run = Path(answer.out.splitlines()[-1]).parent
    answer = cadc("predict", run.name, file)
    assert answer.status == 0, answer.err
    scored = pd.read_csv(StringIO(answer.out), dtype=str)
    assert scored.columns.tolist() == [*map(str, range(1, 12)), "probability"]
    assert scored["1"].tolist() == [row["customer"] for row in made_up_rows()]
    named = tmp_path / "named.csv"
    with named.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["column_10", "item", "user"])
        writer.writerows([row["price"], row["product"], row["customer"]] for row in made_up_rows())
    answer = cadc("predict", run.name, named, "--header")
    assert answer.status == 0, answer.err
    assert pd.read_csv(StringIO(answer.out), dtype=str)["probability"].tolist() == scored["probability"].tolist()


def test_names_in_the_first_line_are_not_taken_for_a_row(tmp_path):
    rows = "".join(f"{user},{user % 7},{user % 2}\n" for user in range(60))
    (tmp_path / "log.csv").write_text(rows)
    (tmp_path / "named.csv").write_text("who,what,bought\n" + rows)
    log = f"data=table data.path={tmp_path / 'log.csv'} data.header=false data.user=1 data.item=2 data.label=3"
    answer = cadc("train", *log.split(), "model=label_mean")
    assert answer.status == 0, answer.err
    run = Path(answer.out.splitlines()[-1]).parent.name
    answer = cadc("predict", run, tmp_path / "named.csv")
    assert answer.status == 1
    assert "the first line has 'who', 'what' where the log has numbers" in answer.err
    assert answer.out == ""
    assert len(cadc("predict", run, tmp_path / "log.csv").out.splitlines()) == 61
    assert len(cadc("predict", run, tmp_path / "named.csv", "--no-header").out.splitlines()) == 62


@pytest.mark.parametrize(("line", "is_said"), [("1;2,5;3,0", True), ("1;2;5,0", False), ("a;b,c,0", False)])
def test_a_line_that_two_separators_fit_is_said(tmp_path, capsys, line, is_said):
    (tmp_path / "log.csv").write_text(f"{line}\n" * 3)
    list(read_columns(tmp_path / "log.csv", ["1", "3"], header=False))
    assert ("semicolons could separate them, too" in capsys.readouterr().err) == is_said
