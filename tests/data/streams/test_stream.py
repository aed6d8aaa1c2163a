"""A segment's log knows what has happened by its time, and nothing else."""

import numpy as np
import pytest

from cadc.data.prepare import prepare
from cadc.data.sources.synthetic import Synthetic
from cadc.data.sources.table import Table
from cadc.data.split.segments import SegmentSplit
from cadc.data.streams import Stream
from cadc.errors import DataError

SPLIT = SegmentSplit(n=4)


@pytest.fixture(scope="module")
def log():
    return prepare(Synthetic(n_rows=1500, n_users=200, n_items=150, ratings=True), SPLIT)


@pytest.fixture(scope="module")
def stream(log):
    return Stream(log, SPLIT, 0)


def naive_ids(stream, log, side):
    """Number the entities of training rows as they come, segment after segment."""
    found, upto = {}, []
    for index in range(len(stream)):
        for row in stream.rows(index, 0):
            found.setdefault(int(log.column(side)[row]), len(found) + 1)
        upto.append(len(found))
    return found, upto


@pytest.mark.parametrize("side", ["user", "item"])
def test_ids_are_given_by_arrival_in_a_training_row(stream, log, side):
    ids, upto = naive_ids(stream, log, side)
    for index in range(len(stream)):
        segment = stream.segment(index)
        assert segment.schema[side].vocabulary_size == upto[index] + 1
        for part, split in enumerate(("train", "validation", "test")):
            entities = log.column(side)[stream.rows(index, part)]
            expected = [ids.get(int(own), 0) if ids.get(int(own), 0) <= upto[index] else 0 for own in entities]
            assert segment.field_ids(side, segment.rows(split)).tolist() == expected
    assert upto[0] < upto[-1]


def test_rows_keep_their_columns(stream, log):
    segment = stream.segment(2)
    rows = np.concatenate([stream.rows(2, part) for part in range(3)])
    for name in ("label", "rating", "time", "row"):
        np.testing.assert_array_equal(segment.column(name), log.column(name)[rows])
    keys = {side: log.entity_keys(side)[log.column(side)[rows] - 1] for side in ("user", "item")}
    for side, expected in keys.items():
        assert segment.entity_keys(side)[segment.column(side) - 1].tolist() == expected.tolist()
        known = segment.vocabulary(side)
        ids = segment.field_ids(side, segment.rows("train")).numpy()
        assert known[ids - 1].tolist() == expected[: len(ids)].tolist()
    assert segment.gather(segment.rows("test")).dense.shape[1] == 0


def test_no_later_row_is_in_a_segment_and_all_rows_are_in_one(stream, log):
    latest, everything = -np.inf, []
    for index in range(len(stream)):
        segment = stream.segment(index)
        assert segment.column("time").min() >= latest
        latest = segment.column("time").max()
        assert segment.column("time", "train").max() <= segment.column("time", "test").min()
        everything += segment.column("row").tolist()
    assert sorted(everything) == list(range(1500))


def test_replayed_rows_come_first_and_keep_their_ids(stream):
    before, replayed = stream.segment(0), stream.rows(0, 0)[[5, 3]]
    segment = stream.segment(1, replayed)
    assert segment.n_rows("train") == 2 + len(stream.rows(1, 0))
    for side in ("user", "item"):
        earlier = before.field_ids(side, before.rows("train"))[[5, 3]]
        assert segment.field_ids(side, segment.rows("train"))[:2].tolist() == earlier.tolist()
    assert segment.content_hash != stream.segment(1).content_hash


def test_segments_that_cannot_be_judged_are_named(tmp_path):
    path = tmp_path / "rows.csv"
    labels = [0, 1] * 20 + [1] * 20
    path.write_text(
        "user,item,label,time\n" + "".join(f"u{i % 9},i{i % 7},{own},{i}\n" for i, own in enumerate(labels))
    )
    split = SegmentSplit(n=3, train=0.6)
    stream = Stream(prepare(Table(str(path), label="label", user="user", item="item", time="time"), split), split, 0)
    assert stream.skipped() == {2: "all labels of its train rows are 1"}
    assert stream.judged() == [0, 1]


def test_a_log_without_items_is_refused(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("user,label,time\n" + "".join(f"u{i % 9},{i % 2},{i}\n" for i in range(60)))
    log = prepare(Table(str(path), label="label", user="user", time="time"), SPLIT)
    with pytest.raises(DataError, match="has no items, so no tables follow them"):
        Stream(log, SPLIT, 0)
