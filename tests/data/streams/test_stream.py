"""A segment's log knows what has happened by its time, and nothing else."""

import numpy as np
import pytest
import torch

from cadc.data.prepare import prepare
from cadc.data.sources.synthetic import Synthetic
from cadc.data.sources.table import Table
from cadc.data.split.segments import SegmentSplit
from cadc.data.streams import Stream
from cadc.errors import DataError
from cadc.evaluation.ranking import HeldOutRanking

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


def test_all_items_that_have_arrived_are_ranked_but_those_that_the_user_met_in_any_earlier_row(stream, log):
    segment = stream.segment(2, stream.rows(0, 0)[:50])
    ranking = HeldOutRanking(segment, "test")
    keys = {side: np.concatenate([[""], log.entity_keys(side).astype(str)]) for side in ("user", "item")}
    own = {side: np.concatenate([[""], segment.entity_keys(side).astype(str)]) for side in ("user", "item")}
    trained = np.concatenate([stream.rows(index, 0) for index in range(3)])
    assert set(own["item"][ranking.candidates]) == set(keys["item"][log.column("item")[trained]])
    known = [stream.rows(index, part) for index in range(2) for part in range(3)]
    known = np.concatenate([*known, stream.rows(2, 0), stream.rows(2, 1)])
    met = set(zip(*(keys[side][log.column(side)[known]] for side in ("user", "item")), strict=True))
    scores = np.random.default_rng(0).permutation(len(own["item"])).astype(np.float32)
    found = ranking.ranks(lambda users: torch.from_numpy(scores[ranking.candidates]).expand(len(users), -1))
    held_out = set(zip(own["user"][ranking.users], own["item"][ranking.items], strict=True))
    of_item = dict(zip(own["item"][ranking.candidates], scores[ranking.candidates], strict=True))
    for user, item, rank in zip(own["user"][ranking.users], own["item"][ranking.items], found, strict=True):
        rivals = [value for other, value in of_item.items() if (user, other) not in met or (user, other) in held_out]
        assert rank == (1 + sum(value > of_item[item] for value in rivals) if item in of_item else np.inf)


def test_nobody_arrives_in_a_segment_that_is_left_out(tmp_path):
    path = tmp_path / "rows.csv"
    labels = [1] * 20 + [0, 1] * 20
    rows = [f"u{i // 20},i{i % 7},{own},{i}\n" for i, own in enumerate(labels)]
    path.write_text("user,item,label,time\n" + "".join(rows))
    split = SegmentSplit(n=3, train=0.6)
    log = prepare(Table(str(path), label="label", user="user", item="item", time="time"), split)
    stream = Stream(log, split, 0)
    assert stream.judged() == [1, 2]
    assert [stream.n_arrived(index, "user") for index in range(3)] == [0, 1, 2]
    assert stream.segment(2).vocabulary("user").tolist() == ["u1", "u2"]
    assert Stream(log, split, 0, ranks=True).judged() == [0, 1, 2]


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
