"""The publishers' own files, compared with independent reading by pandas, csv and plain loops."""

import csv
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.io import loadmat

from cadc.data.prepare import prepare
from cadc.data.sources.avazu import Avazu
from cadc.data.sources.criteo import Criteo
from cadc.data.sources.epinions import Epinions
from cadc.data.sources.ml_1m import MovieLens1M
from cadc.data.sources.ml_100k import MovieLens100K
from cadc.data.sources.movietweetings import MovieTweetings
from cadc.data.split.chronological import ChronologicalSplit
from cadc.data.split.global_time import GlobalTimeSplit
from cadc.data.split.leave_one_out import LeaveOneOutSplit
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError
from cadc.paths import data_dir
from tests.support.helpers import decode

pytestmark = pytest.mark.realdata


def some_rows(log, n=3000):
    total = sum(log.meta["rows"].values())
    return torch.from_numpy(np.random.default_rng(0).choice(total, min(n, total), replace=False))


def known_or_none(values, train, min_count=1):
    counts = Counter(train)
    return [value if counts[value] >= min_count and value != "" else None for value in values]


def test_movietweetings_equals_pandas():
    log = prepare(MovieTweetings(), RandomSplit())
    assert log.meta["edition"] == "published"
    read = {"sep": "::", "engine": "python", "encoding": "utf-8", "header": None, "keep_default_na": False}
    ratings = pd.read_csv(
        data_dir() / "movietweetings" / "ratings.dat", names=["user", "item", "rating", "time"], **read
    )
    movies = pd.read_csv(data_dir() / "movietweetings" / "movies.dat", names=["item", "title", "genres"], **read)
    movies = movies.set_index("item")
    assert len(ratings) == 100_000 == sum(log.meta["rows"].values())
    assert len(log.entity_keys("user")) == ratings["user"].nunique() == 16_554
    assert len(log.entity_keys("item")) == len(movies) == 10_506
    rows = some_rows(log)
    raw, train = (ratings.iloc[log.column("row")[at]] for at in (rows, log.rows("train")))
    found = decode(log, rows)
    assert log.labels(rows).tolist() == (raw["rating"] >= 8).tolist()
    assert log.column("time")[rows].tolist() == raw["time"].tolist()
    assert found["user"] == known_or_none(raw["user"], train["user"])
    assert found["item"] == known_or_none(raw["item"], train["item"])
    years = movies["title"].str.strip().str[-5:-1]
    assert found["year"] == known_or_none(years[raw["item"]], years[train["item"]])
    genres = movies["genres"].map(lambda text: [name for name in text.split("|") if name])
    known = {name for names in genres[train["item"].unique()] for name in names}
    assert found["genres"] == [
        sorted((n if n in known else None for n in names), key=str) for names in genres[raw["item"]]
    ]


def test_epinions_equals_pandas():
    log = prepare(Epinions(), RandomSplit())
    assert log.meta["edition"] == "published"
    matrix = loadmat(data_dir() / "epinions" / Epinions.files[0])["rating"]
    ratings = pd.DataFrame(matrix[:, [0, 1, 2, 3, 5]], columns=["user", "item", "category", "rating", "time"])
    # Of several ratings of a pair the latest counts; at the same time, the one that stands last in the file.
    by_time = ratings.sort_values("time", kind="stable")
    kept = by_time.drop_duplicates(["user", "item"], keep="last").sort_index()
    assert len(kept) == 912_441 == sum(log.meta["rows"].values())
    assert len(log.entity_keys("user")) == 22_164
    assert len(log.entity_keys("item")) == 296_277
    rows = some_rows(log)
    raw, train = (kept.iloc[log.column("row")[at]] for at in (rows, log.rows("train")))
    found = decode(log, rows)
    assert log.labels(rows).tolist() == (raw["rating"] >= 5).tolist()
    assert log.column("time")[rows].tolist() == raw["time"].tolist()
    for name in ("user", "item"):
        assert found[name] == known_or_none(raw[name].tolist(), train[name].tolist())
    counts = kept.groupby(["item", "category"]).size().reset_index(name="count")
    most = counts.sort_values(["count", "category"], ascending=[False, True]).drop_duplicates("item")
    categories = most.set_index("item")["category"]
    assert found["category"] == [str(category) for category in categories[raw["item"]]]


def test_criteo_equals_csv():
    log = prepare(Criteo(), RandomSplit())
    with (data_dir() / "criteo" / "train.txt").open(newline="") as file:
        raw = list(csv.reader(file, delimiter="\t"))
    assert len(raw) == 8000 == sum(log.meta["rows"].values())
    rows = some_rows(log)
    place, train = (log.column("row")[at] for at in (rows, log.rows("train")))
    batch, found = log.gather(rows), decode(log, rows)
    assert batch.label.tolist() == [float(raw[row][0]) for row in place]
    integers = np.array([[max(float(text or 0), 0) for text in raw[row][1:14]] for row in place])
    np.testing.assert_allclose(batch.dense.numpy(), np.log(1 + integers), rtol=1e-6)
    for number in range(1, 27):
        values, in_training = ([raw[row][13 + number] for row in at] for at in (place, train))
        assert found[f"C{number}"] == known_or_none(values, in_training, 10)


def test_avazu_equals_csv():
    log = prepare(Avazu(), RandomSplit())
    with (data_dir() / "avazu" / "train.csv").open(newline="") as file:
        raw = list(csv.DictReader(file))
    assert len(raw) == 8999 == sum(log.meta["rows"].values())
    rows = some_rows(log)
    place, train = (log.column("row")[at] for at in (rows, log.rows("train")))
    found = decode(log, rows)
    moments = [datetime.strptime(raw[row]["hour"], "%y%m%d%H").replace(tzinfo=UTC) for row in place]
    assert log.column("time")[rows].tolist() == [moment.timestamp() for moment in moments]
    assert found["hour"] == [moment.hour for moment in moments]
    assert found["weekday"] == [moment.weekday() for moment in moments]
    assert log.labels(rows).tolist() == [float(raw[row]["click"]) for row in place]
    for name in set(raw[0]) - {"id", "click", "hour"}:
        values, in_training = ([raw[row][name] for row in at] for at in (place, train))
        assert found[name] == known_or_none(values, in_training, 10), name


@pytest.mark.parametrize("source", [MovieLens1M, MovieLens100K, Epinions, MovieTweetings])
@pytest.mark.parametrize("split", [ChronologicalSplit(), LeaveOneOutSplit()])
def test_no_training_row_of_a_user_is_later_than_a_test_row(source, split):
    log = prepare(source(), split)
    times = {part: pd.Series(log.column("time", part)).groupby(log.column("user", part)) for part in ("train", "test")}
    first, last = times["test"].min(), times["train"].max()
    assert len(first) > 3000 or source is MovieLens100K
    assert (last[first.index] <= first).all()


def test_leave_one_out_of_movielens_1m_holds_out_one_row_a_user():
    log = prepare(MovieLens1M(), LeaveOneOutSplit())
    assert log.meta["rows"] == {"train": 1_000_209 - 2 * 6040, "validation": 6040, "test": 6040}


def test_global_time_is_refused_where_times_count_each_users_ratings():
    times = pd.read_csv(data_dir() / "ml-1m" / "ratings.dat", sep=":", header=None, usecols=[6])[6]
    if times.max() > 10**8:
        pytest.skip("these are the publisher's own files, with Unix times")
    with pytest.raises(DataError, match="choose data/split=chronological"):
        prepare(MovieLens1M(), GlobalTimeSplit())


@pytest.mark.parametrize("source", [MovieLens100K, Epinions, MovieTweetings])
def test_global_time_cuts_all_users_at_once(source):
    log = prepare(source(), GlobalTimeSplit())
    times = [log.column("time", part) for part in ("train", "validation", "test")]
    assert times[0].max() <= times[1].min()
    assert times[1].max() <= times[2].min()
