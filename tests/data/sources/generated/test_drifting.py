"""The generated stream: its clock, its planted drift, and its probabilities against its labels."""

import numpy as np
import pandas as pd
import pytest

from cadc.data.prepare import prepare
from cadc.data.sources.generated import drifting
from cadc.data.sources.generated.drifting import Drifting
from cadc.data.split.segments import SegmentSplit
from cadc.data.streams import Stream
from cadc.errors import UsageError


def rows_of(**options):
    """Return all rows of a log as a frame."""
    chunks = list(Drifting(**options).read().chunks)
    return pd.DataFrame(
        {
            "user": np.concatenate([chunk.entities["user"] for chunk in chunks]),
            "item": np.concatenate([chunk.entities["item"] for chunk in chunks]),
            "label": np.concatenate([chunk.label for chunk in chunks]),
            "oracle": np.concatenate([chunk.oracle for chunk in chunks]),
            "time": np.concatenate([chunk.time for chunk in chunks]),
        }
    )


@pytest.fixture(scope="module")
def rows():
    return rows_of(n_rows=60_000)


def test_rows_have_seconds_of_their_own_on_one_clock(rows):
    assert (np.diff(rows["time"]) > 0).all()
    assert rows["time"].iloc[-1] - rows["time"].iloc[0] == pytest.approx(365 * 24 * 60 * 60, rel=0.001)
    crowded = rows_of(n_rows=43_200, days=1)
    assert (np.diff(crowded["time"]) > 0).all()


def test_a_log_of_many_chunks_has_the_sessions_of_each(monkeypatch):
    monkeypatch.setattr(drifting, "CHUNK_ROWS", 1000)
    source = Drifting(n_rows=3005, shown=10)
    assert [len(chunk.label) for chunk in source.read().chunks] == [1000, 1000, 1000, 5]
    found = rows_of(n_rows=3005)
    assert (np.diff(found["time"]) > 0).all()
    assert not np.array_equal(found["item"][:1000], found["item"][1000:2000])
    pd.testing.assert_frame_equal(found, rows_of(n_rows=3005))


def test_labels_are_drawn_from_the_true_probabilities(rows):
    for part in (rows, rows[:15_000], rows[45_000:]):
        for _, own in part.groupby(pd.qcut(part["oracle"], 10), observed=True):
            spread = np.sqrt((own["oracle"] * (1 - own["oracle"])).sum()) / len(own)
            # Rows of a session depend on one another, since all after the last look are 0.
            assert abs(own["label"].mean() - own["oracle"].mean()) < 6 * spread


def test_without_drift_a_pair_has_one_probability_and_with_drift_many():
    def spread(**options):
        pairs = rows_of(n_rows=20_000, n_users=20, n_items=20, **options).groupby(["user", "item"])["oracle"]
        return (pairs.max() - pairs.min()).max()

    still = {"taste_drift": 0, "popularity_drift": 0}
    assert spread(**still) == 0
    assert spread(**still | {"taste_drift": 1}) > 0.3
    assert spread(**still | {"popularity_drift": 1}) > 0.3


@pytest.mark.parametrize(("drift", "same"), [(0, True), (1, False)])
def test_popular_items_stay_popular_only_without_drift(drift, same):
    found = rows_of(n_rows=40_000, popularity_drift=drift, arrivals=0, half_life=None)
    early, late = (np.bincount(part["item"], minlength=500) for part in (found[:8000], found[-8000:]))
    assert (np.corrcoef(early, late)[0, 1] > 0.8) == same
    assert np.sort(early)[-50:].sum() == pytest.approx(np.sort(late)[-50:].sum(), rel=0.1), "the curve stays"


def test_users_and_items_arrive_and_those_of_long_ago_are_met_less():
    found = rows_of(n_rows=40_000, arrivals=0.5, half_life=60)
    first, last = found[:4000], found[-4000:]
    for side, n in (("user", 600), ("item", 500)):
        assert first[side].nunique() < 0.62 * n < 0.9 * n < found[side].nunique()
        assert (~last[side].isin(found[side][:20_000])).mean() > 0.25
    stays = rows_of(n_rows=40_000, arrivals=0)
    assert (~stays["item"][20_000:].isin(stays["item"][:20_000])).mean() < 0.01


def test_after_its_user_has_left_nothing_of_a_session_is_taken():
    found = rows_of(n_rows=50_000, shown=5, patience=0.5)
    sessions = found["label"].to_numpy().reshape(-1, 5)
    assert sessions.mean(0) == pytest.approx(sessions[:, 0].mean() * 0.5 ** np.arange(5), abs=0.02)
    # What was passed over before an item that was taken was looked at, so that its labels follow what users like.
    passed = sessions[:, 1][sessions[:, 2] == 1]
    assert passed.mean() > 1.5 * sessions[:, 1].mean()
    assert (np.diff(found["user"].to_numpy().reshape(-1, 5), axis=1) == 0).all()


def test_segments_know_the_true_probabilities_of_their_rows():
    split = SegmentSplit(n=4)
    log = prepare(Drifting(n_rows=4000), split)
    stream = Stream(log, split, 0)
    for index in range(4):
        segment = stream.segment(index)
        own = pd.Series(log.column("oracle"), log.column("row"))[segment.column("row")]
        assert (segment.column("oracle") == own).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_rows": 0},
        {"n_users": 0},
        {"shown": 0},
        {"arrivals": 1.5},
        {"patience": 0.0},
        {"patience": 1.5},
        {"days": 1},
        {"half_life": 0.0},
        {"taste_drift": -1.0},
    ],
)
def test_impossible_options_are_usage_errors(wrong):
    with pytest.raises(UsageError, match=f"data.{next(iter(wrong))} is"):
        Drifting(**wrong)
