"""Sessions are held out whole: the last of each user for test, the one before for validation."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.prepare import prepare
from cadc.data.sources.table import Table
from cadc.data.split.sessions import SessionSplit
from cadc.data.split.split import SPLITS
from cadc.errors import DataError, UsageError
from cadc.randomness import numpy_generator

MINUTE = 60


def assigned(split, user, time, ticks_per_second=1, seed=0):
    columns = {"user": np.array(user, np.int32), "time": np.array(time, np.int64)}
    return split.assign(len(user), numpy_generator(seed, "split"), **columns, ticks_per_second=ticks_per_second)


def naive_parts(user, time, gap, ticks_per_second):
    """Walk through each user's rows in order of time."""
    parts = [0] * len(user)
    for one in set(user):
        rows = sorted((row for row in range(len(user)) if user[row] == one), key=lambda row: time[row])
        sessions = [[rows[0]]]
        for before, row in pairwise(rows):
            if time[row] - time[before] > gap * MINUTE * ticks_per_second:
                sessions.append([])
            sessions[-1].append(row)
        if len(sessions) >= 3:
            for part, session in ((2, sessions[-1]), (1, sessions[-2])):
                for row in session:
                    parts[row] = part
    return parts


ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(-5, 40)), min_size=1, max_size=60)


@given(ROWS, st.sampled_from([1.0, 2.5, 4.0]), st.sampled_from([1, 1000]), st.booleans())
@settings(deadline=None, max_examples=100)
def test_parts_are_those_of_a_walk_through_each_users_rows(rows, gap, ticks_per_second, is_far):
    user = [one for one, _ in rows]
    # In half minutes, so that some pauses are as long as the gap; far apart, differences exceed 63 bits.
    time = [half * 30 * ticks_per_second for _, half in rows]
    if is_far:
        time = [-(2**63) + 7 if half < 5 else own for own, (_, half) in zip(time, rows, strict=True)]
    expected = naive_parts(user, time, gap, ticks_per_second)
    if not any(expected):
        with pytest.raises(DataError, match=r"no user has 3 sessions|number each user's own rows"):
            assigned(SessionSplit(gap), user, time, ticks_per_second)
        return
    assert assigned(SessionSplit(gap), user, time, ticks_per_second).tolist() == expected


def test_rows_may_make_sessions_where_times_only_order_them():
    user = [0] * 8 + [1] * 5
    time = [*range(8)[::-1], *range(5)]
    parts = assigned(SessionSplit(rows=2), user, time)
    assert parts.tolist() == [2, 2, 1, 1, 0, 0, 0, 0, *[0] * 5]
    with pytest.raises(DataError, match=r"number each user's own rows.*set data.split.rows"):
        assigned(SessionSplit(), user, time)
    with pytest.raises(DataError, match=r"no user has 3 sessions, with 3 rows in each; set data.split.rows lower"):
        assigned(SessionSplit(rows=3), user, time)


@pytest.mark.parametrize(
    "wrong", [{"gap": 0}, {"gap": -1.0}, {"gap": float("nan")}, {"gap": float("inf")}, {"rows": 0}]
)
def test_options_that_make_no_session_are_usage_errors(wrong):
    with pytest.raises(UsageError, match=f"data.split.{next(iter(wrong))} is"):
        SessionSplit(**wrong)


def test_a_prepared_log_tells_the_split_the_unit_of_its_times(tmp_path):
    rng = np.random.default_rng(0)
    visits = np.sort(rng.choice(400, (20, 4), replace=True) * 7200.0, 1) + np.arange(4) * 7200
    frame = pd.DataFrame({"user": np.repeat(np.arange(20), 12), "visit": np.tile(np.repeat(np.arange(4), 3), 20)})
    # Three rows a visit, a quarter of an hour and parts of a second apart.
    frame["time"] = np.repeat(visits.ravel(), 3) + np.tile([0.25, 900.5, 1800.75], 80)
    frame["label"] = rng.integers(2, size=240)
    frame[frame["user"].ne(5) | frame["visit"].lt(2)].to_csv(tmp_path / "visits.csv", index=False)
    log = prepare(Table(str(tmp_path / "visits.csv"), user="user", label="label", time="time"), SessionSplit())
    assert log.ticks_per_second > 1
    read = pd.read_csv(tmp_path / "visits.csv")
    for split, visit in (("validation", 2), ("test", 3)):
        expected = read.index[(read["visit"] == visit) & (read["user"] != 5)]
        assert sorted(log.column("row", split)) == expected.tolist()
    assert [log.n_rows(split) for split in SPLITS] == [120, 57, 57]
    assert "1 of 20 users have too few sessions" in log.meta["split_remark"]
