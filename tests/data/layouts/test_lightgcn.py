"""LightGCN's files are read as a naive reader finds them."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadc.data.files import token_lines
from cadc.data.prepare import prepare
from cadc.data.sources import LightGCN
from cadc.data.split import GivenSplit
from cadc.errors import DataError
from cadc.testing import check_source
from tests.data.layouts.made_up import raw_rows, write_lightgcn


@pytest.mark.parametrize("parts", [("train", "test"), ("train", "valid", "test")])
def test_every_pair_is_a_row(tmp_path, parts):
    rows = write_lightgcn(tmp_path, parts)
    assert raw_rows(LightGCN(str(tmp_path))) == [(part, 1.0, user, item) for part, user, item in rows]
    log = prepare(LightGCN(str(tmp_path)), GivenSplit())
    assert log.n_rows("test") == sum(part == 2 for part, _, _ in rows)


def test_the_contract_is_kept(tmp_path):
    write_lightgcn(tmp_path)
    check_source(LightGCN, path=str(tmp_path / "train.txt"))


def test_what_is_no_row_is_counted_and_said(tmp_path):
    (tmp_path / "train.txt").write_text("1 2 3\n\n2 \n 4\n1 3 5 \n   \n")
    (tmp_path / "test.txt").write_text("1 9\r\n")
    source = LightGCN(str(tmp_path))
    assert raw_rows(source) == [(0, 1.0, 1, 2), (0, 1.0, 1, 3), (0, 1.0, 1, 3), (0, 1.0, 1, 5), (2, 1.0, 1, 9)]
    raw = source.read()
    list(raw.chunks)
    assert raw.remarks == [
        "train.txt has blank lines, which do not count: 2",
        "train.txt has lines that end in blanks, which do not count: 2",
        "train.txt has users without items, who give no row: 2",
        "train.txt has further lines of a user, which add up: 1",
        "train.txt has rows that repeat a user and item of an earlier row, which are kept: 1",
    ]


@given(
    lines=st.lists(st.lists(st.integers(0, 10**18 - 1), max_size=4), min_size=1),
    blank=st.sampled_from([" ", "  ", "\t"]),
    ending=st.sampled_from(["\n", "\r\n"]),
    block=st.integers(1, 40),
)
def test_lines_are_cut_as_a_naive_reader_cuts_them(tmp_path_factory, lines, blank, ending, block):
    path = tmp_path_factory.mktemp("lines") / "train.txt"
    path.write_text(ending.join(blank.join(map(str, line)) for line in lines) + ending, newline="")
    expected = Counter((line[0], item) for line in lines if line for item in line[1:])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_lines, "BLOCK_BYTES", block)
        if not expected:
            with pytest.raises(DataError, match="holds no rows"):
                raw_rows(LightGCN(str(path)))
            return
        assert Counter(row[2:] for row in raw_rows(LightGCN(str(path)))) == expected


def test_original_ids_stand_for_numbers(tmp_path):
    (tmp_path / "train.txt").write_text("0 0 1\n1 1\n")
    (tmp_path / "test.txt").write_text("1 0\n")
    (tmp_path / "user_list.txt").write_text("org_id remap_id\nann 0\nbob 1\n")
    (tmp_path / "item_list.txt").write_text("org_id remap_id freq\nB00X 1 9\n3 0 9\n")
    source = LightGCN(str(tmp_path), original_ids=True)
    assert [row[2:] for row in raw_rows(source)] == [("ann", "3"), ("ann", "B00X"), ("bob", "B00X"), ("bob", "3")]
    assert set(source.fingerprint()) == {"train.txt", "test.txt", "user_list.txt", "item_list.txt"}
    (tmp_path / "user_list.txt").write_text("org_id remap_id\nann 0\n")
    with pytest.raises(DataError, match=r"train.txt .*remap_id 1, which user_list.txt does not list"):
        raw_rows(LightGCN(str(tmp_path), original_ids=True))
    (tmp_path / "user_list.txt").write_text("org_id remap_id\nann 0\nann 1\n")
    with pytest.raises(DataError, match="a duplicated org_id"):
        raw_rows(LightGCN(str(tmp_path), original_ids=True))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "holds no rows; expected lines of whole numbers"),
        ("1\n2\n", "holds no rows"),
        ("1 2\n1 x\n", "line 2: 'x' is not a whole number"),
        ("1 2\n\n1 -2\n", "line 3: '-2' is not a whole number"),
        ("1 2.0\n", "line 1: '2.0' is not a whole number"),
        ("1,2,3\n", "line 1: '1,2,3' is not a whole number"),
        ("1 ٣\n", "line 1: '٣' is not a whole number"),
        (f"1 {10**18}\n", "line 1: '1000000000000000000' has more than 18 digits"),
        ("1 2\n1 \0\n", "line 2 holds a NUL byte"),
    ],
)
def test_faults_are_named(tmp_path, content, sentence):
    (tmp_path / "train.txt").write_text(content)
    (tmp_path / "test.txt").write_text("1 2\n")
    with pytest.raises(DataError) as caught:
        raw_rows(LightGCN(str(tmp_path)))
    assert str(caught.value).startswith(f"{tmp_path / 'train.txt'}") and sentence in str(caught.value)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"has no file of train rows; expected train.txt, valid.txt, test.txt"):
        LightGCN(str(tmp_path)).read()
    (tmp_path / "train.txt").write_text("1 2\n")
    with pytest.raises(DataError, match="has no file of test rows"):
        LightGCN(str(tmp_path)).read()
    with pytest.raises(DataError, match="cannot be read: no such file"):
        LightGCN(str(tmp_path), test="away.txt").fingerprint()
