import re

import numpy as np
import pytest

from cadc.data.prepare import prepare
from cadc.data.sources.ml_1m import MovieLens1M
from cadc.data.sources.ml_100k import GENRES, MovieLens100K
from cadc.data.split.random import RandomSplit
from cadc.data.split.split import SPLITS
from tests.support.helpers import N_MOVIES, N_RATINGS, N_USERS, decode


@pytest.fixture
def folder(small_movielens, monkeypatch):
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    return small_movielens


def lines(path):
    return path.read_text(encoding="latin-1").splitlines()


def raw_ml_1m(folder):
    """Users, movies and ratings read line by line."""
    users = {line.split("::")[0]: line.split("::")[1:] for line in lines(folder / "users.dat")}
    movies = {line.split("::")[0]: line.split("::")[1:] for line in lines(folder / "movies.dat")}
    rows = []
    for line in lines(folder / "ratings.dat"):
        user, item, rating, time = line.split("::")
        gender, age, occupation, zip_code = users[user]
        title, genres = movies[item]
        rows.append(
            {
                "user": int(user),
                "item": int(item),
                "label": float(rating) >= 4,
                "time": int(time),
                "gender": gender,
                "age": age,
                "occupation": occupation,
                "zip3": zip_code[:3],
                "year": re.findall(r"\d{4}", title)[-1],
                "genre": genres.split("|")[0],
                "genres": sorted(genres.split("|")),
            }
        )
    return rows


def raw_ml_100k(folder):
    """The same for ml-100k."""
    users = {line.split("|")[0]: line.split("|")[1:] for line in lines(folder / "u.user")}
    movies = {line.split("|")[0]: line.split("|")[1:] for line in lines(folder / "u.item")}
    rows = []
    for line in lines(folder / "u.data"):
        user, item, rating, time = line.split("\t")
        age, gender, occupation, zip_code = users[user]
        names = [name for name, flag in zip(GENRES, movies[item][4:], strict=True) if flag == "1"]
        rows.append(
            {
                "user": int(user),
                "item": int(item),
                "label": float(rating) >= 4,
                "time": int(time),
                "gender": gender,
                "age": age[:-1] + "0" if len(age) > 1 else "0",
                "occupation": occupation,
                "zip3": zip_code[:3],
                "year": movies[item][1].split("-")[2],
                "genre": names[0],
                "genres": sorted(names),
            }
        )
    return rows


@pytest.mark.parametrize(("source", "raw"), [(MovieLens1M, raw_ml_1m), (MovieLens100K, raw_ml_100k)])
def test_every_row_carries_the_raw_values_of_its_user_and_movie(folder, source, raw):
    log = prepare(source(), RandomSplit())
    expected = raw(folder / source.name)
    place = log.column("row")
    assert sorted(place) == list(range(N_RATINGS))
    train = [expected[row] for row in log.column("row", "train")]
    for split in SPLITS:
        rows = log.rows(split)
        found = decode(log, rows)
        raw_rows = [expected[row] for row in place[rows]]
        assert log.labels(rows).tolist() == [row["label"] for row in raw_rows]
        assert log.column("time", split).tolist() == [row["time"] for row in raw_rows]
        for field in log.schema.single:
            known = {row[field.name] for row in train}
            values = [row[field.name] if row[field.name] in known else None for row in raw_rows]
            assert found[field.name] == values
        assert found["genres"] == [row["genres"] for row in raw_rows]


@pytest.mark.parametrize("source", [MovieLens1M, MovieLens100K])
def test_small_copy_is_a_local_edition_with_all_its_users_and_movies(folder, source):
    log = prepare(source(), RandomSplit())
    assert log.meta["edition"] == "local"
    assert log.meta["files"] == source().fingerprint()
    assert len(log.entity_keys("user")) == N_USERS
    assert len(log.entity_keys("item")) == N_MOVIES
    assert log.schema["item"].vocabulary_size == N_MOVIES, "the movie without ratings has no id, unknown has one"


def test_threshold_moves_labels_alone(folder):
    low, high = (prepare(MovieLens1M(threshold), RandomSplit()) for threshold in (3.0, 5.0))
    ratings = np.array([float(line.split("::")[2]) for line in lines(folder / "ml-1m" / "ratings.dat")])
    assert low.column("label").tolist() == (ratings[low.column("row")] >= 3).tolist()
    assert high.column("label").tolist() == (ratings[high.column("row")] >= 5).tolist()
    assert (low.column("row") == high.column("row")).all()
    assert low.content_hash != high.content_hash


def test_movie_without_genres_or_year_has_an_empty_bag_and_unknown_ids(folder):
    path = folder / "ml-1m" / "movies.dat"
    changed = [f"{line.split('::')[0]}::Untitled::" if line.startswith("1::") else line for line in lines(path)]
    path.write_text("\n".join(changed), encoding="latin-1")
    log = prepare(MovieLens1M(), RandomSplit())
    found = decode(log, log.rows("train"))
    at = [row for row, item in enumerate(found["item"]) if item == 1]
    assert at
    assert {(found["year"][row], found["genre"][row], *found["genres"][row]) for row in at} == {(None, None)}
