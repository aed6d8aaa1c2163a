"""Bags of rows are the same whether texts or lists of any type hold them."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.column_block import Block
from cadc.data.columns import read_columns
from cadc.data.files import parquet
from cadc.data.files.row_bags import RowBags
from cadc.data.prepare import prepare
from cadc.data.sources.table import Table
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError
from tests.support.commands import TINY, cadc

VALUES = st.sampled_from(["1", "2", " 1", "30 ", "", "  ", "-4", None])
LISTS = st.lists(st.one_of(st.none(), st.lists(VALUES, max_size=4)), max_size=30)


def naive(lists):
    return [[own.strip() for own in bag or [] if own is not None and own.strip()] for bag in lists]


def bags_of(column):
    found = RowBags.read(Block("rows", 0, {"tags": column}), "tags", "|")
    return [list(found.bags[at]) for at in found.of_rows]


@given(LISTS)
@settings(deadline=None, max_examples=100)
def test_lists_of_any_layout_hold_the_values_of_a_plain_loop(lists):
    for kind in (pa.list_(pa.string()), pa.large_list(pa.string())):
        assert bags_of(pa.array(lists, kind)) == naive(lists)
    assert bags_of(pa.array([["9"], *lists], pa.list_(pa.string()))[1:]) == naive(lists)
    encoded = pa.array([own for bag in lists for own in bag or []], pa.string()).dictionary_encode()
    offsets = pa.array(np.cumsum([0, *(len(bag or []) for bag in lists)]), pa.int32())
    assert bags_of(pa.ListArray.from_arrays(offsets, encoded)) == naive(lists)
    texts = ["|".join(own or "" for own in bag or []) for bag in lists]
    assert bags_of(pa.array(texts, pa.string())) == naive(lists)


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.float32(), pa.decimal128(9, 2)])
def test_whole_numbers_of_any_type_are_their_digits(kind):
    lists = [[1, 2], None, [], [3, None, 3]]
    assert bags_of(pa.array(lists, pa.list_(kind))) == [["1", "2"], [], [], ["3", "3"]]
    fixed = pa.array([[1, 2], None, [4, None]], pa.list_(kind, 2))
    assert bags_of(fixed) == [["1", "2"], [], ["4"]]


def test_codes_number_bags_over_blocks_and_leave_out_empty_ones():
    known = {}
    first = RowBags.of_texts(pa.array(["a|b", "", "b", "a | b"]), "|").codes(known)
    later = RowBags.of_texts(pa.array(["b", "c"]), "|").codes(known)
    assert first.tolist() == [0, -1, 1, 0]
    assert later.tolist() == [1, 2]
    assert RowBags.of_texts(pa.array([], pa.string()), "|").codes(known).tolist() == []


def test_a_value_that_is_no_category_is_named_by_its_row():
    with pytest.raises(DataError, match=r"rows, row 3: column tags .* holds a value that has a fraction"):
        bags_of(pa.array([[1.0, 2.0], None, [3.0, 0.5]]))


def frame_of(lists):
    n_rows = 60
    items = [f"i{row % len(lists)}" for row in range(n_rows)]
    return pd.DataFrame(
        {
            "user": [f"u{row % 7}" for row in range(n_rows)],
            "item": items,
            "label": [row % 3 % 2 for row in range(n_rows)],
            "tags": [lists[row % len(lists)] for row in range(n_rows)],
        }
    )


def test_lists_of_a_parquet_file_and_texts_give_the_same_log(tmp_path, monkeypatch):
    lists = [[3, 1], [1], [], [2, 2, 3], None]
    roles = {"user": "user", "item": "item", "label": "label", "item_bags": ["tags"]}
    frame = frame_of(lists)
    frame.assign(tags=["|".join(map(str, own or [])) for own in frame["tags"]]).to_csv(tmp_path / "t.csv", index=False)
    expected = prepare(Table(str(tmp_path / "t.csv"), **roles), RandomSplit())
    monkeypatch.setattr(parquet, "BATCH_ROWS", 7)
    for kind in (pa.list_(pa.int16()), pa.large_list(pa.int64()), pa.list_(pa.string())):
        texts = kind == pa.list_(pa.string())
        tags = [own if own is None or not texts else list(map(str, own)) for own in frame["tags"]]
        table = pa.table({name: frame[name] for name in ("user", "item", "label")} | {"tags": pa.array(tags, kind)})
        pq.write_table(table, tmp_path / "t.parquet", row_group_size=20)
        log = prepare(Table(str(tmp_path / "t.parquet"), **roles), RandomSplit())
        assert log.content_hash == expected.content_hash, kind
        assert sum(1 for _ in read_columns(tmp_path / "t.parquet", ["tags"], lists=["tags"])) > 5


def test_a_value_may_hold_the_separator_in_a_list(tmp_path):
    frame = frame_of([["a|b"], ["a", "b"]])
    frame.to_parquet(tmp_path / "t.parquet")
    source = Table(str(tmp_path / "t.parquet"), user="user", item="item", label="label", item_bags=["tags"])
    assert sorted(prepare(source, RandomSplit()).vocabulary("tags")) == ["a", "a|b", "b"]


def test_other_lists_of_one_item_are_a_conflict_that_can_be_settled(tmp_path):
    frame = frame_of([["a"]])
    frame["tags"] = [["a"], ["b", "b"], []] * 20
    frame.to_parquet(tmp_path / "t.parquet")
    options = {"user": "user", "item": "item", "label": "label", "item_bags": ["tags"]}
    with pytest.raises(DataError, match=r"t\.parquet, row 2: item 'i0' has tags 'b\|b' here and 'a' before"):
        prepare(Table(str(tmp_path / "t.parquet"), **options), RandomSplit())
    log = prepare(Table(str(tmp_path / "t.parquet"), on_conflict="bag", **options), RandomSplit())
    assert sorted(log.vocabulary("tags")) == ["a", "b"]


@pytest.mark.parametrize("role", ["user_fields", "context_fields"])
def test_a_list_is_no_single_value(tmp_path, role):
    frame_of([["a"]]).to_parquet(tmp_path / "t.parquet")
    source = Table(str(tmp_path / "t.parquet"), user="user", item="item", label="label", **{role: ["tags"]})
    with pytest.raises(DataError, match=r"column tags holds list<.*>; expected one value in each row"):
        prepare(source, RandomSplit())


def test_a_list_of_lists_is_no_bag(tmp_path):
    frame_of([[["a"]]]).to_parquet(tmp_path / "t.parquet")
    source = Table(str(tmp_path / "t.parquet"), user="user", item="item", label="label", item_bags=["tags"])
    with pytest.raises(DataError, match=r"column tags holds list<.*>; expected a text or a list of single values"):
        prepare(source, RandomSplit())


def test_new_rows_may_hold_lists(tmp_path):
    path = tmp_path / "t.parquet"
    frame_of([["a"], ["a", "b"], None]).to_parquet(path)
    roles = ["data.user=user", "data.item=item", "data.label=label", "data.item_bags=[tags]"]
    answer = cadc(
        "train", "data=table", f"data.path={path}", *roles, *(own for own in TINY if not own.startswith("data"))
    )
    assert answer.status == 0, answer.err
    answer = cadc("predict", answer.out.split("/")[-2], path, "--output", tmp_path / "scored.parquet")
    assert answer.status == 0, answer.err
    assert "the answer leaves out 'tags'" in answer.err
    assert pd.read_parquet(tmp_path / "scored.parquet").columns.tolist() == ["user", "item", "label", "probability"]
