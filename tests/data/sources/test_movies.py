"""MovieLens 10M and later, and MovieTweetings: made-up copies compared with what they were made of."""

import numpy as np
import pytest

from cadc.data import columns as columns_module
from cadc.data import text as text_module
from cadc.data.prepare import prepare
from cadc.data.sources.ml_10m import MovieLens10M
from cadc.data.sources.ml_20m import MovieLens20M
from cadc.data.sources.ml_25m import MovieLens25M
from cadc.data.sources.ml_latest import MovieLensLatest
from cadc.data.sources.ml_latest_small import MovieLensLatestSmall
from cadc.data.sources.movietweetings import MovieTweetings
from cadc.data.split.random import RandomSplit
from cadc.data.split.split import SPLITS
from cadc.errors import DataError
from tests.data.small_sources import (
    N_MOVIES,
    N_RATINGS,
    N_USERS,
    movies_and_ratings,
    write_ml_10m,
    write_movielens_csv,
    write_movietweetings,
)
from tests.support.helpers import decode

CSV_SOURCES = [MovieLens20M, MovieLens25M, MovieLensLatest, MovieLensLatestSmall]
SOURCES = [(MovieLens10M, write_ml_10m), (MovieTweetings, write_movietweetings)]
SOURCES += [(source, write_movielens_csv) for source in CSV_SOURCES]


@pytest.fixture
def publishers(tmp_path, monkeypatch):
    """Folder of made-up copies of all these data sets."""
    folder = tmp_path / "publishers"
    for source, write in SOURCES:
        write(folder / source.name)
    monkeypatch.setenv("CADC_DATA_DIR", str(folder))
    return folder


def error_of(source):
    with pytest.raises(DataError) as error:
        prepare(source, RandomSplit())
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("source", [source for source, _ in SOURCES])
def test_every_row_carries_what_it_was_made_of(publishers, source):
    log = prepare(source(), RandomSplit())
    movies, ratings = movies_and_ratings()
    by_id = {item: (year, genres) for item, _, year, genres in movies}
    threshold = 8  # points of ten; four stars of five
    assert [field.name for field in log.schema.fields] == ["user", "item", "year", "genre", "genres"]
    assert len(log.entity_keys("user")) == len({rating[0] for rating in ratings}) == N_USERS
    assert len(log.entity_keys("item")) == N_MOVIES
    assert sorted(log.column("row")) == list(range(N_RATINGS))
    train = {ratings[row][:2] for row in log.column("row", "train")}
    known = {"user": {user for user, _ in train}, "item": {item for _, item in train}}
    years = {str(by_id[item][0]) for item in known["item"]}
    for split in SPLITS:
        rows = log.rows(split)
        found = decode(log, rows)
        for place, row in enumerate(log.column("row", split)):
            user, item, points, time = ratings[row]
            year, genres = by_id[item]
            assert found["user"][place] == (user if user in known["user"] else None)
            assert found["item"][place] == (item if item in known["item"] else None)
            assert found["year"][place] == (str(year) if year and str(year) in years else None)
            assert found["genre"][place] == (genres[0] if genres else None)
            assert found["genres"][place] == genres
            assert log.column("label", split)[place] == (points >= threshold)
            assert log.column("time", split)[place] == time


def test_half_stars_count(publishers):
    log = prepare(MovieLens10M(threshold=3.5), RandomSplit())
    points = np.array([rating[2] for rating in movies_and_ratings()[1]])
    assert log.column("label").tolist() == (points[log.column("row")] >= 7).tolist()


@pytest.mark.parametrize("source", [MovieLens10M, MovieLens25M])
def test_many_small_blocks_make_the_same_log(publishers, source, monkeypatch, empty_cache):
    whole = prepare(source(), RandomSplit()).content_hash
    empty_cache.rename(empty_cache.with_name("set aside"))
    monkeypatch.setattr(text_module, "BLOCK_BYTES", 1 << 10)
    monkeypatch.setattr(columns_module, "BLOCK_BYTES", 1 << 10)
    assert sum(1 for _ in source().read().chunks) > 5
    assert prepare(source(), RandomSplit()).content_hash == whole


@pytest.mark.parametrize("source", [source for source, _ in SOURCES])
@pytest.mark.parametrize("which", [0, 1])
def test_missing_and_empty_files_are_named(publishers, source, which):
    path = publishers / source.name / source.files[which]
    path.write_text("")
    assert f"{path} is empty" in error_of(source())
    path.unlink()
    assert f"{path} cannot be read: no such file" in error_of(source())


@pytest.mark.parametrize(
    ("source", "line", "says"),
    [
        (MovieLens10M, "1::3::5.5::1", "line 601: the rating 5.5 is not between 0.5 and 5.0"),
        (MovieLens10M, "1::3::0::1", "line 601: the rating 0 is not between 0.5 and 5.0"),
        (MovieLens10M, "1::4::5::1", "rates item 4, which movies.dat does not list"),
        (MovieTweetings, "1::3::11::1", "line 601: the rating 11 is not between 0.0 and 10.0"),
        (MovieTweetings, "1::3::x::1", "line 601: 'x' in column rating is not a number"),
        (MovieLens25M, "1,3,0.4,1", "line 602: the rating 0.4 is not between 0.5 and 5.0"),
        (MovieLens25M, "1,3,,1", "row 601: column rating is missing"),
        (MovieLens25M, "1,3,4.0,noon", "row 601: column timestamp 'noon' is not a whole number"),
        (MovieLens25M, "1,3,4.0", "line 602: found 3 columns"),
        (MovieLens25M, "1,4,4.0,1", "rates item 4, which movies.csv does not list"),
    ],
)
def test_faulty_rating_is_named(publishers, source, line, says):
    path = publishers / source.name / source.ratings_file
    with path.open("a") as file:
        file.write(line + "\n")
    message = error_of(source())
    assert str(path) in message
    assert says in message


def test_zero_is_a_rating_of_movietweetings(publishers):
    with (publishers / "movietweetings" / "ratings.dat").open("a") as file:
        file.write("1::0000003::0::1\n")
    assert sum(prepare(MovieTweetings(), RandomSplit()).meta["rows"].values()) == N_RATINGS + 1


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("movieId,title,genre", "has no column 'genres'; did you mean 'genre'?"),
        ("movieId,title,title", "has 2 columns named 'title'"),
    ],
)
def test_header_of_another_layout_is_named(publishers, header, says):
    path = publishers / "ml-25m" / "movies.csv"
    path.write_text("\n".join([header, *path.read_text(encoding="utf-8").splitlines()[1:]]), encoding="utf-8")
    assert f"{path} {says}" in error_of(MovieLens25M())


def test_movie_listed_twice_is_named(publishers):
    path = publishers / "ml-25m" / "movies.csv"
    with path.open("a") as file:
        file.write("3,Twice (1999),Drama\n")
    assert f"{path}: item 3 is duplicated" in error_of(MovieLens25M())


@pytest.mark.parametrize("source", [MovieLensLatest, MovieLensLatestSmall])
def test_files_that_the_publisher_replaces_are_never_published(publishers, source, monkeypatch):
    # Not even if someone knew their hashes.
    monkeypatch.setattr(source, "published_hashes", source().fingerprint())
    assert prepare(source(), RandomSplit()).meta["edition"] == "rolling"


@pytest.mark.parametrize("source", [MovieLens10M, MovieLens20M, MovieLens25M, MovieTweetings])
def test_made_up_files_are_local(publishers, source):
    assert prepare(source(), RandomSplit()).meta["edition"] == "local"
