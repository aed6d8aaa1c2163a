"""libFM's files are read as a naive reader finds them."""

import pytest

from cadc.data.files import token_lines
from cadc.data.prepare import prepare
from cadc.data.sources import LibFM
from cadc.data.split import GivenSplit
from cadc.errors import DataError, UsageError
from cadc.testing import check_source
from tests.data.layouts.made_up import raw_rows, write_libfm

NAMES = {"fields": ("user", "item", "day", "price"), "dense": ("price",)}


@pytest.mark.parametrize("negative", [-1, 0])
@pytest.mark.parametrize("block", [50, 8 << 20])
def test_places_are_fields(tmp_path, monkeypatch, negative, block):
    monkeypatch.setattr(token_lines, "BLOCK_BYTES", block)
    rows = write_libfm(tmp_path, negative)
    assert raw_rows(LibFM(str(tmp_path), **NAMES)) == rows
    log = prepare(LibFM(str(tmp_path), **NAMES), GivenSplit())
    assert [log.n_rows(part) for part in ("train", "validation", "test")] == [120, 30, 30]


def test_places_without_names_are_numbered(tmp_path):
    (tmp_path / "all.libfm").write_text("1 3:1 9:1\n0 4:1 9:1\n")
    source = LibFM(str(tmp_path))
    assert raw_rows(source) == [(None, 1.0, 3, 9), (None, 0.0, 4, 9)]
    assert [field.name for field in source.read().schema.fields] == ["field_1", "field_2"]


def test_the_contract_is_kept(tmp_path):
    write_libfm(tmp_path)
    check_source(LibFM, path=str(tmp_path / "shop.train.libfm"), **NAMES)


def test_a_threshold_makes_labels(tmp_path):
    (tmp_path / "all.libfm").write_text("5 3:1\n2.5 4:1\n3 4:1\n")
    assert [row[1] for row in raw_rows(LibFM(str(tmp_path), threshold=3))] == [1, 0, 1]


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        ("", {}, "holds no rows; expected lines of a label and index:value"),
        ("1\n", {}, "line 1: found 1 values, expected a label and index:value"),
        ("1 2:1 3:1\n0 2:1\n", {}, "line 2: found 2 values, expected a label and 2 of index:value"),
        ("1 2:1\n0 2\n", {}, "line 2: '2' is not index:value"),
        ("1 2:1\n0 2:1:1\n", {}, "line 2: '2:1:1' is not index:value"),
        ("1 2:1\n0 x:1\n", {}, "line 2: 'x' is not a whole number; expected index:value"),
        ("1 2:1\n0 2:\n", {}, "line 2: '' is not a number; expected index:value"),
        ("1 2:1\n0 2:nan\n", {}, "line 2: 'nan' is not a number"),
        ("1 2:1\n0 2:0.5\n", {}, "line 2: '2:0.5' has another value than 1; if field_1 is a column of numbers"),
        ("1 2:1\n0 3:0.5\n", {"dense": ["field_1"]}, "line 2: '3:0.5' has another index than 2"),
        ("1 2:1\n-1 2:1\n0 2:1\n", {}, "line 3: '0' is not a label; expected 1 and 0, or 1 and -1"),
        ("1 2:1\n4 2:1\n", {}, "line 2: '4' is not a label"),
        ("yes 2:1\n", {}, "line 1: 'yes' is not a number; expected a label"),
        ("1 2:1\n", {"fields": ["a", "b"]}, "line 1: found 2 values, expected a label and 2 of index:value"),
    ],
)
def test_faults_are_named(tmp_path, content, options, sentence):
    path = tmp_path / "all.libfm"
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        raw_rows(LibFM(str(path), **options))
    assert str(caught.value).startswith(str(path)) and sentence in str(caught.value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"fields": ["a", "a"]}, "'a', which is given twice"),
        ({"fields": ["label"]}, "'label', which is a name of the log itself"),
        ({"fields": ["user"], "dense": ["user"]}, "data.dense names 'user'"),
        ({"dense": ["price"]}, "data.dense names 'price'; the places of a line are named field_1"),
    ],
)
def test_options_that_contradict_are_refused(tmp_path, options, sentence):
    (tmp_path / "all.libfm").write_text("1 2:1\n")
    with pytest.raises(UsageError, match=sentence):
        LibFM(str(tmp_path), **options).read()


def test_several_files_of_a_part_are_refused(tmp_path):
    write_libfm(tmp_path)
    (tmp_path / "other.train.libfm").write_text("1 2:1\n")
    with pytest.raises(DataError, match=r"2 files of train rows .* set data.train to the name of one"):
        LibFM(str(tmp_path)).read()
    assert len(raw_rows(LibFM(str(tmp_path), train="shop.train.libfm", **NAMES))) == 180
