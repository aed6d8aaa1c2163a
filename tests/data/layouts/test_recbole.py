"""RecBole's atomic files are read as a naive reader finds them."""

from itertools import pairwise

import pytest

from cadc.data.prepare import prepare
from cadc.data.sources import RecBole
from cadc.data.split import GivenSplit, RandomSplit
from cadc.errors import DataError, UsageError
from cadc.pipeline.settings import Settings
from cadc.testing import check_source
from tests.data.layouts.made_up import INTERACTIONS, raw_rows, write_recbole


def expected(rows, parts=None):
    return [
        (
            parts and parts[at],
            float(int(rating) >= 4),
            user,
            item,
            device,
            float(price),
            int(item) / 8,
        )
        for at, (user, item, rating, _, price, device) in enumerate(rows)
    ]


@pytest.mark.parametrize("to", ["folder", "file"])
def test_interactions_and_features_are_joined(tmp_path, to):
    rows = write_recbole(tmp_path)
    source = RecBole(str(tmp_path if to == "folder" else tmp_path / "shop.inter"), threshold=4)
    assert raw_rows(source) == expected(rows)
    raw = source.read()
    chunk = next(iter(raw.chunks))
    assert chunk.time.tolist() == [int(row[3]) for row in rows]
    list(raw.chunks)
    items = raw.entities["item"]
    assert items.keys.tolist() == [f"{item:03d}" for item in range(16)]  # the one without rows, too
    assert items.fields["year"].tolist() == [f"{1990 + item % 4}" for item in range(16)]
    title = items.bags["title"]
    words = [title.values[a:b].tolist() for a, b in pairwise(title.offsets)]
    assert words == [["The", str(item), *(["The"] if item % 2 else []), "Film"] for item in range(16)]
    assert raw.schema.dense == ("price", "cost")
    assert any("code" in remark for remark in raw.remarks)


@pytest.mark.parametrize("names", [("part1", "part2", "part3"), ("train", "valid", "test")])
def test_parts_are_kept(tmp_path, names):
    rows = write_recbole(tmp_path, n_rows=200, parts=names)
    parts = [0] * 67 + [1] * 67 + [2] * 66
    assert raw_rows(RecBole(str(tmp_path), threshold=4)) == expected(rows, parts)
    log = prepare(RecBole(str(tmp_path), threshold=4), GivenSplit())
    assert [log.n_rows(part) for part in ("train", "validation", "test")] == [67, 67, 66]
    assert log.column("row").tolist() == list(range(200))


def test_parts_that_a_split_does_not_keep_are_said(tmp_path):
    write_recbole(tmp_path, parts=("train", "test"))
    log = prepare(RecBole(str(tmp_path), threshold=4), RandomSplit())
    assert any("data/split=given keeps them" in remark for remark in log.meta["remarks"])


def test_files_of_parts_are_kept_unless_another_split_is_chosen(tmp_path):
    write_recbole(tmp_path, parts=("train", "test"))
    overrides = ["data=recbole", f"data.path={tmp_path}", "data.threshold=4"]
    assert Settings.compose(overrides).split.cls is GivenSplit
    assert Settings.compose([*overrides, "data/split=random"]).split.cls is RandomSplit
    write_recbole(tmp_path / "whole")
    assert Settings.compose([*overrides, f"data.path={tmp_path / 'whole'}"]).split.cls is RandomSplit
    assert Settings.compose([*overrides, f"data.path={tmp_path / 'shop.train.inter'}"]).split.cls is RandomSplit
    assert Settings.compose([*overrides, f"data.path={tmp_path / 'missing'}"]).split.cls is RandomSplit


def test_the_same_rows_in_two_parts_are_refused(tmp_path):
    write_recbole(tmp_path, parts=("train", "test"))
    (tmp_path / "shop.valid.inter").write_bytes((tmp_path / "shop.test.inter").read_bytes())
    with pytest.raises(DataError, match=r"shop\.test\.inter, the file of the test part, has the content of another"):
        prepare(RecBole(str(tmp_path), threshold=4), GivenSplit())


def test_the_contract_is_kept(tmp_path):
    write_recbole(tmp_path)
    check_source(RecBole, path=str(tmp_path / "shop.inter"), threshold=4.0)


def test_labels_and_no_labels(tmp_path):
    (tmp_path / "a.inter").write_text("user_id:token\titem_id:token\tlabel:float\n" + "1\t2\t1.0\n1\t3\t0\n")
    assert [row[1] for row in raw_rows(RecBole(str(tmp_path)))] == [1, 0]
    (tmp_path / "a.inter").write_text("user_id:token\titem_id:token\n" + "1\t2\nNA\t3\n")
    source = RecBole(str(tmp_path))
    assert raw_rows(source) == [(None, 1.0, "1", "2"), (None, 1.0, "NA", "3")]
    assert any("all rows are positive" in remark for remark in source.read().remarks)


def test_a_rating_or_label_is_never_a_feature(tmp_path):
    (tmp_path / "a.inter").write_text(
        "user_id:token\titem_id:token\trating:float\tlabel:float\ttimestamp:float\n"
        + "1\t2\t5\t1\t7.5\n1\t3\t1\t0\t8\n"
    )
    for options in ({}, {"threshold": 3}, {"time": None}):
        assert RecBole(str(tmp_path), **options).read().schema.dense == ()
    raw = RecBole(str(tmp_path)).read()
    chunk = next(iter(raw.chunks))
    assert (chunk.time.tolist(), chunk.ticks_per_second) == ([7500, 8000], 1000)


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        (None, {}, "cannot be read: no such file"),
        ("", {}, "is empty"),
        (INTERACTIONS + "\n", {"threshold": 4}, "holds no rows"),
        ("user_id\titem_id\n1\t2\n", {}, "has the column 'user_id'; expected NAME:TYPE"),
        ("user_id:token\titem_id:word\n1\t2\n", {}, "'item_id:word'; expected NAME:TYPE"),
        ("user_id:token\tuser_id:float\n1\t2\n", {}, "several columns named 'user_id'"),
        ("uid:token\titem_id:token\n1\t2\n", {}, "no column 'user_id'; it has uid, item_id. Set data.user"),
        ("user_id:float\titem_id:token\n1\t2\n", {}, "'user_id' of data.user has the type float; expected token"),
        (INTERACTIONS + "\n1\t2\t3\t4\t5\n", {"threshold": 4}, "line 2: found 5 columns"),
        (INTERACTIONS + "\n1\t2\t3\t4\t5\tx\n", {}, "has ratings and no labels; set data.threshold"),
        (INTERACTIONS + "\n1\t2\tgood\t4\t5\tx\n", {"threshold": 4}, "row 1: column rating 'good' is not a number"),
        (INTERACTIONS + "\n1\t\t3\t4\t5\tx\n", {"threshold": 4}, "row 1: column item_id is missing"),
        (INTERACTIONS + "\n1\t2\t3\tnow\t5\tx\n", {"threshold": 4}, "row 1: column timestamp 'now' is not a time"),
        (INTERACTIONS + "\n1\t2\t3\t4\tnan\tx\n", {"threshold": 4}, "row 1: column price 'nan' is not a finite"),
        ("user_id:token\titem_id:token\ttime:float\n1\t2\t3\n", {}, "which is a name of the log itself"),
        ("user_id:token\titem_id:token\t label:float\n1\t2\t0\n", {}, "named ' label'; a name begins with a letter"),
        ("user_id:token\titem_id:token\n1\t2\n", {"time": "when"}, "no column 'when'"),
    ],
)
def test_faults_are_named(tmp_path, content, options, sentence):
    path = tmp_path / "shop.inter"
    if content is not None:
        path.write_text(content)
    with pytest.raises((DataError, UsageError)) as caught:
        raw_rows(RecBole(str(path), **options))
    assert sentence in str(caught.value) and str(path) in str(caught.value)


def test_faults_of_features_are_named(tmp_path):
    write_recbole(tmp_path)
    items = (tmp_path / "shop.item").read_text()
    (tmp_path / "shop.item").write_text(items + items.splitlines()[1] + "\n")
    with pytest.raises(DataError, match=r"shop.item, row 17: column item_id '000' is duplicated"):
        raw_rows(RecBole(str(tmp_path), threshold=4))
    (tmp_path / "shop.item").write_text("\n".join(items.splitlines()[:-2]) + "\n")
    with pytest.raises(DataError, match=r"shop.inter, row \d+: column item_id '014' is not listed in shop.item"):
        raw_rows(RecBole(str(tmp_path), threshold=4))
    kept = RecBole(str(tmp_path), threshold=4, leave_out=["cost"])
    assert len(raw_rows(kept)) == 200


def test_parts_with_other_columns_are_refused(tmp_path):
    write_recbole(tmp_path, parts=("train", "test"))
    (tmp_path / "shop.test.inter").write_text("user_id:token\titem_id:token\n1\t2\n")
    with pytest.raises(DataError, match="all parts must have the same"):
        raw_rows(RecBole(str(tmp_path), threshold=4))


def test_unclear_folders_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"data=recbole needs data.path"):
        RecBole().read()
    with pytest.raises(DataError, match="has no file of train rows"):
        RecBole(str(tmp_path)).read()
    write_recbole(tmp_path, "one")
    write_recbole(tmp_path, "two")
    with pytest.raises(DataError, match=r"has 2 files of rows \('one.inter', 'two.inter'\); set data.path to one"):
        RecBole(str(tmp_path)).read()
    with pytest.raises(UsageError, match="is not a folder"):
        RecBole(str(tmp_path / "one.inter"), train="one.inter").read()
    (tmp_path / "one.train.inter").write_text("user_id:token\titem_id:token\n1\t2\n")
    with pytest.raises(DataError, match="has no file of test rows"):
        RecBole(str(tmp_path)).read()
