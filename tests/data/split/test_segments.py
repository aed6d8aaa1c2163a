"""A stream's segments follow each other in time; each trains on its past and is judged on its end."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.prepare import prepare
from cadc.data.sources.table import Table
from cadc.data.split.segments import SegmentSplit
from cadc.errors import DataError, UsageError
from cadc.randomness import numpy_generator

ROWS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5), st.integers(0, 7)), min_size=6, max_size=80)


def segmented(split, rows):
    time, user, item = np.array(rows).T
    return split.segmented(len(rows), numpy_generator(0, "split"), time, user.astype("int32"), item.astype("int32"))


def naive_segments(split, rows, order):
    """Walk through the rows in the order of the stream."""
    times = [rows[row][0] for row in order]
    if split.by == "rows":
        return [place * split.n // len(rows) for place in range(len(rows))]
    if split.by == "time":
        length = (times[-1] - times[0]) / split.n
        return [min(int((time - times[0]) / length), split.n - 1) for time in times]
    everybody = len({row[1] for row in rows}) + len({row[2] for row in rows})
    share = split.arrivals or -(-everybody // split.n)
    met, segments = set(), []
    for row in order:
        met |= {("user", rows[row][1]), ("item", rows[row][2])}
        segments.append((len(met) - 1) // share)
    return segments


@given(ROWS, st.sampled_from(["rows", "time", "arrivals"]), st.integers(1, 5), st.sampled_from([0.5, 0.8]))
@settings(deadline=None, max_examples=150)
def test_segments_are_those_of_a_walk_through_the_stream(rows, by, n, train):
    split = SegmentSplit(n=n, by=by, train=train, own_clock=True)
    if len({time for time, _, _ in rows}) == 1:
        with pytest.raises(DataError, match="all rows have the same time"):
            segmented(split, rows)
        return
    found = segmented(split, rows)
    assert sorted(found.order) == list(range(len(rows)))
    assert (np.diff([rows[row][0] for row in found.order]) >= 0).all()
    expected = naive_segments(split, rows, found.order)
    assert found.segment[found.order].tolist() == expected
    for segment in set(expected):
        own = [row for row in found.order if found.segment[row] == segment]
        n_train = int(np.rint(train * len(own)))
        n_validation = (len(own) - n_train) // 2
        parts = [0] * n_train + [1] * n_validation + [2] * (len(own) - n_train - n_validation)
        assert found.place[own].tolist() == parts


def test_rows_of_one_time_are_in_an_order_that_the_seed_draws():
    time = np.repeat([1, 2], 50)
    orders = [SegmentSplit(n=2).segmented(100, numpy_generator(seed, "split"), time).order for seed in (0, 0, 1)]
    assert (orders[0] == orders[1]).all() and (orders[0] != orders[2]).any()
    assert (orders[0] != np.arange(100)).any()


def test_a_number_of_arrivals_makes_segments():
    rows = [(time, time // 2, time % 3) for time in range(20)]
    found = segmented(SegmentSplit(by="arrivals", arrivals=4, own_clock=True), rows)
    met = [len({own[1] for own in rows[:end]}) + len({own[2] for own in rows[:end]}) for end in range(1, 21)]
    assert found.segment.tolist() == [(n - 1) // 4 for n in met]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "data.split.n is 0"),
        ({"by": "days"}, "expected one of rows, time, arrivals"),
        ({"train": 1.0}, "data.split.train is 1.0"),
        ({"arrivals": 10}, "set by=arrivals"),
        ({"by": "arrivals", "arrivals": 0}, "data.split.arrivals is 0"),
    ],
)
def test_options_that_make_no_segments_are_usage_errors(options, message):
    with pytest.raises(UsageError, match=message):
        SegmentSplit(**options)


def test_a_log_without_a_common_clock_is_refused_and_may_be_lined_up():
    user, time = np.repeat([0, 1], 5).astype("int32"), np.tile(np.arange(5), 2)
    with pytest.raises(DataError, match=r"no stream of all users; set data.split.own_clock=true"):
        SegmentSplit(n=2).assign(10, numpy_generator(0, "split"), time, user)
    found = SegmentSplit(n=5, own_clock=True).segmented(10, numpy_generator(0, "split"), time, user)
    assert found.segment.tolist() == [0, 1, 2, 3, 4] * 2


def test_more_segments_than_rows_are_refused():
    with pytest.raises(DataError, match=r"3 rows, fewer than data.split.n=4 segments"):
        SegmentSplit(n=4).assign(3, numpy_generator(0, "split"), np.arange(3))


@pytest.mark.parametrize(
    ("options", "advice"),
    [({"n": 4}, "data.split.n lower"), ({"by": "arrivals", "arrivals": 4}, "data.split.arrivals higher")],
)
def test_segments_too_short_to_have_all_parts_are_refused_with_what_makes_them_longer(options, advice):
    ids = np.arange(8, dtype=np.int32)
    with pytest.raises(DataError, match=rf"no segment has a validation row: the longest has 2 rows.*{advice}"):
        SegmentSplit(**options).assign(8, np.random.default_rng(0), ids.astype(np.int64), ids, ids)


def test_a_prepared_log_holds_the_parts_of_all_segments(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(
        "user,item,label,time\n" + "".join(f"u{i % 7},i{i % 5},{i % 2},{1000 + 3 * i}\n" for i in range(100))
    )
    log = prepare(Table(str(path), label="label", user="user", item="item", time="time"), SegmentSplit(n=5))
    place = SegmentSplit(n=5).assign(100, numpy_generator(0, "split"), 1000 + 3 * np.arange(100))
    for index, split in enumerate(("train", "validation", "test")):
        assert log.column("row", split).tolist() == np.flatnonzero(place == index).tolist()
