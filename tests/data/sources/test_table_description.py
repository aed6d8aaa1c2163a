"""The description of a table, in a file or as options: which wins, and one sentence where it does not fit."""

import pytest

from cadc.data.prepare import prepare
from cadc.data.sources.table import Table
from cadc.data.split.given import GivenSplit
from cadc.data.split.leave_one_out import LeaveOneOutSplit
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError, UsageError
from tests.data.made_up_sales import ROLES, sentence


def test_description_in_a_file_equals_options_and_options_win(path, tmp_path):
    description = tmp_path / "sales.yaml"
    description.write_text("".join(f"{key}: {value}\n" for key, value in ROLES.items()))
    whole = prepare(Table(str(path), str(description)), RandomSplit())
    assert whole.content_hash == prepare(Table(str(path), **ROLES), RandomSplit()).content_hash
    other = prepare(Table(str(path), str(description), dense=["stars"]), RandomSplit())
    assert other.schema.dense == ("stars",)


def test_files_that_a_description_names_lie_in_its_folder_and_options_win(path, tmp_path, monkeypatch):
    folder = tmp_path / "there"
    folder.mkdir()
    lines = path.read_text().splitlines(keepends=True)
    (folder / "old.csv").write_text("".join(lines[:101]))
    (folder / "new.csv").write_text("".join([lines[0], *lines[101:]]))
    description = folder / "sales.yaml"
    roles = "".join(f"{key}: {value}\n" for key, value in ROLES.items())
    description.write_text(roles + "path: old.csv\ntest_path: new.csv\n")
    monkeypatch.chdir(tmp_path)
    log = prepare(Table(description="there/sales.yaml"), GivenSplit())
    assert log.n_rows("test") == 100
    paths = {"path": str(folder / "old.csv"), "test_path": str(folder / "new.csv")}
    assert log.content_hash == prepare(Table(**paths, **ROLES), GivenSplit()).content_hash
    other = prepare(Table("there/new.csv", "there/sales.yaml", test_path="there/old.csv"), GivenSplit())
    assert other.content_hash != log.content_hash
    description.write_text(roles + f"path: {path}\n")
    assert prepare(Table(description=str(description)), RandomSplit()).content_hash == (
        prepare(Table(str(path), **ROLES), RandomSplit()).content_hash
    )


def test_changed_description_is_prepared_anew(path, tmp_path):
    description = tmp_path / "sales.yaml"
    hashes = set()
    for dense in ("price", "stars"):
        description.write_text(f"user: customer\nitem: product\nlabel: bought\ndense: [{dense}]\n")
        hashes.add(prepare(Table(str(path), str(description)), RandomSplit()).content_hash)
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"user": "costumer"}, "has no column 'costumer'; did you mean 'customer'?"),
        ({"user": "CUSTOMER"}, "has no column 'CUSTOMER'; did you mean 'customer'?"),
        ({"dense": ["qqq"]}, "has no column 'qqq'; it has 'customer', 'product', 'bought'"),
        ({"label": None}, "data=table has neither label nor rating"),
        ({"rating": "stars", "threshold": 4.0}, "both label and threshold; leave out the threshold if 'bought' is"),
        ({"label": None, "rating": "stars"}, "a rating without threshold; set data.threshold to the lowest stars that"),
        ({"threshold": 4.0}, "both label and threshold"),
        ({"label": None, "threshold": 4.0}, "data=table has neither label nor rating"),
        ({"item": None}, "item feature 'brand' but no column item"),
        ({"user": None}, "user feature 'country' but no column user"),
        ({"context_fields": ["brand"]}, "the column 'brand' several meanings"),
        ({"bag_separator": ""}, "bag_separator is empty"),
        ({"time": "unused"}, "row 1: column unused '?' is not a time"),
        ({"min_count": 0}, "data.min_count is 0; it must be at least 1."),
    ],
)
def test_description_that_does_not_fit_is_named(path, options, says):
    assert says in sentence(path, **options)


def test_near_name_in_a_file_of_another_separator_is_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("custome;product;bought;day\na;b;1;2,5\n")
    assert "has no column 'customer'; did you mean 'custome'?" in sentence(path)


def test_space_in_the_name_of_a_column_can_be_seen(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("what, who\na,b\n")
    assert sentence(path, user="who").endswith("t.csv has no column 'who'; did you mean ' who'?")


def test_path_is_needed():
    with pytest.raises(UsageError, match=r"data=table needs data\.path"):
        prepare(Table(**ROLES), RandomSplit())


def test_description_without_anything_to_tell_rows_apart_is_named(path):
    with pytest.raises(UsageError, match=r"user .*item .*context_fields"):
        prepare(Table(str(path), label="bought", dense=["price"]), RandomSplit())


def test_columns_that_the_log_cannot_name_are_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("u,y,time,the hour\n" + "a,0,1,2\nb,1,1,2\n" * 10)
    options = {"user": "u", "label": "y", "user_fields": [], "item": None, "item_fields": [], "item_bags": []}
    options |= {"time": None, "dense": []}
    assert "has a feature 'time', which is a name of the log" in sentence(path, **options, context_fields=["time"])
    assert "a field is named 'the hour'" in sentence(path, **options, context_fields=["the hour"])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            b"costumer: customer\n",
            "has the key 'costumer', which is not an option of a table; it has path, validation_path",
        ),
        (b"usr: customer\n", "has the key 'usr', which is not an option of a table; did you mean user"),
        (b"description: other.yaml\n", "has the key 'description', which is not an option of a table"),
        (b"- user\n", "must hold lines such as `user: customer_id`"),
        (b"", "must hold lines such as `user: customer_id`"),
        (b"1: user\n", "must hold lines such as `user: customer_id`"),
        (b"user: [a\n", "line 2 is not valid YAML"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"user: [customer]\n", "user is ['customer']; expected text or null."),
        (b"dense: price\n", "dense is 'price'; expected a list such as"),
        (b"threshold: high\n", "threshold is 'high'; expected a finite number or null."),
        (b"!!python/object/apply:os.getcwd []\n", "write a plain value"),
        (b"user: " + b"a" * 110_000, "has more than 100000 bytes"),
        (None, "cannot be read: no such file or directory."),
    ],
)
def test_description_that_is_none_is_named(path, tmp_path, content, says):
    description = tmp_path / "sales.yaml"
    if content is not None:
        description.write_bytes(content)
    with pytest.raises(DataError) as error:
        Table(str(path), str(description))
    assert "\n" not in str(error.value)
    assert str(description) in str(error.value)
    assert says in str(error.value)


def test_split_by_time_of_a_table_without_times_is_named(path):
    assert "table has no column time, which LeaveOneOutSplit needs" in sentence(path, LeaveOneOutSplit(), time=None)
