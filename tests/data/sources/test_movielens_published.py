"""The publishers' own files, compared with an independent reading by pandas."""

import numpy as np
import pandas as pd
import pytest
import torch

from cadc.data.prepare import prepare
from cadc.data.sources.ml_1m import MovieLens1M
from cadc.data.sources.ml_100k import GENRES, MovieLens100K
from cadc.data.split.random import RandomSplit
from cadc.paths import data_dir
from tests.support.helpers import decode

pytestmark = pytest.mark.realdata


def tables(name):
    """Ratings, users and movies with columns named after the fields."""
    if name == "ml-1m":
        read = {"encoding": "latin-1", "header": None, "dtype": str, "engine": "python", "sep": "::"}
        folder = data_dir() / name
        ratings = pd.read_csv(folder / "ratings.dat", sep=":", header=None, usecols=[0, 2, 4, 6], engine="c")
        users = pd.read_csv(folder / "users.dat", names=["user", "gender", "age", "occupation", "zip"], **read)
        movies = pd.read_csv(folder / "movies.dat", names=["item", "title", "genres"], **read)
        movies["year"] = movies["title"].str[-5:-1]
        movies["genres"] = movies["genres"].str.split("|")
    else:
        read = {"encoding": "latin-1", "header": None, "dtype": str, "sep": "|"}
        folder = data_dir() / name
        ratings = pd.read_csv(folder / "u.data", sep="\t", header=None)
        users = pd.read_csv(folder / "u.user", names=["user", "years", "gender", "occupation", "zip"], **read)
        users["age"] = (users["years"].astype(int) // 10 * 10).astype(str)
        movies = pd.read_csv(folder / "u.item", **read)
        flags = movies.iloc[:, 5:].to_numpy() == "1"
        movies = pd.DataFrame({"item": movies[0], "year": movies[2].str[-4:].fillna("")})
        movies["genres"] = [[GENRES[index] for index in np.flatnonzero(row)] for row in flags]
    ratings.columns = ["user", "item", "rating", "time"]
    users["zip3"] = users["zip"].str[:3]
    movies["genre"] = movies["genres"].str[0]
    users["user"], movies["item"] = users["user"].astype(int), movies["item"].astype(int)
    return ratings, users.set_index("user", drop=False), movies.set_index("item", drop=False)


CASES = [(MovieLens1M, 1_000_209, 6040, 3706), (MovieLens100K, 100_000, 943, 1682)]


@pytest.mark.parametrize(("source", "n_rows", "n_users", "n_rated"), CASES)
def test_published_files_give_the_published_counts_and_raw_values(source, n_rows, n_users, n_rated):
    log = prepare(source(), RandomSplit())
    ratings, users, movies = tables(source.name)
    assert sum(log.n_rows(split) for split in ("train", "validation", "test")) == n_rows == len(ratings)
    assert len(log.entity_keys("user")) == n_users == len(users)
    assert len(np.unique(log.column("item"))) == n_rated
    assert log.column("label").mean(dtype=np.float64) == pytest.approx((ratings["rating"] >= 4).mean(), abs=1e-12)

    rows = torch.from_numpy(np.random.default_rng(0).choice(n_rows, 3000, replace=False))
    found = decode(log, rows)
    place = log.column("row")
    raw = ratings.iloc[place[rows]]
    train = ratings.iloc[log.column("row", "train")]
    assert log.labels(rows).tolist() == (raw["rating"] >= 4).tolist()
    assert log.column("time")[rows].tolist() == raw["time"].tolist()
    for table, side in ((users, "user"), (movies, "item")):
        seen = table.loc[train[side].unique()]
        mine = table.loc[raw[side]]
        for field in log.schema.of(side, bag=False):
            known = set(seen[field.name])
            expected = [value if value in known and value != "" else None for value in mine[field.name]]
            assert found[field.name] == expected, field.name
    assert found["genres"] == [sorted(names) for names in movies.loc[raw["item"], "genres"]]
