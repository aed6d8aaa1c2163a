import re

import pytest

from cadc.data.prepare import prepare
from cadc.data.sources.ml_1m import MovieLens1M
from cadc.data.sources.ml_100k import MovieLens100K
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError, UsageError


@pytest.fixture
def folder(small_movielens, monkeypatch):
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    return small_movielens


def error_of(source):
    with pytest.raises(DataError) as error:
        prepare(source(), RandomSplit())
    assert "\n" not in str(error.value)
    return str(error.value)


def append(path, line):
    with path.open("a", encoding="latin-1") as file:
        file.write(line + "\n")


FILES = [(MovieLens1M, name) for name in MovieLens1M.files] + [(MovieLens100K, name) for name in MovieLens100K.files]


@pytest.mark.parametrize(("source", "name"), FILES)
def test_missing_file_is_named(folder, source, name):
    path = folder / source.name / name
    path.unlink()
    assert f"{path} cannot be read" in error_of(source)


@pytest.mark.parametrize(("source", "name"), FILES)
def test_folder_in_place_of_a_file_is_named(folder, source, name):
    path = folder / source.name / name
    path.unlink()
    path.mkdir()
    assert f"{path} cannot be read" in error_of(source)


@pytest.mark.parametrize(("source", "name"), FILES)
def test_empty_file_is_named(folder, source, name):
    path = folder / source.name / name
    path.write_text("")
    assert f"{path} is empty" in error_of(source)


@pytest.mark.parametrize(("source", "name"), FILES)
def test_line_with_a_wrong_number_of_columns_is_named(folder, source, name):
    path = folder / source.name / name
    n_lines = len(path.read_text(encoding="latin-1").splitlines())
    append(path, "1")
    assert f"{path}, line {n_lines + 1}: found 1 columns" in error_of(source)


@pytest.mark.parametrize(
    ("source", "line", "says"),
    [
        (MovieLens1M, "1::1::great::978300760", "line 2001: 'great' in column rating is not a number"),
        (MovieLens1M, "1::1::5::", "line 2001: '' in column time is not a whole number"),
        (MovieLens100K, "1\t1\t\t978300760", "line 2001: '' in column rating is not a number"),
        (MovieLens1M, "41::1::5::978300760", "rates user 41, which users.dat does not list"),
        (MovieLens1M, "1::2::5::978300760", "rates item 2, which movies.dat does not list"),
        (MovieLens100K, "41\t1\t5\t978300760", "rates user 41, which u.user does not list"),
        (MovieLens100K, "1\t2\t5\t978300760", "rates item 2, which u.item does not list"),
    ],
)
def test_faulty_rating_is_named(folder, source, line, says):
    path = folder / source.name / source.ratings_file
    append(path, line)
    message = error_of(source)
    assert str(path) in message
    assert says in message


@pytest.mark.parametrize(
    ("source", "name", "line", "says"),
    [
        (MovieLens1M, "users.dat", "7::F::1::1::1", "user 7 is duplicated"),
        (MovieLens1M, "users.dat", "x::F::1::1::1", "'x' in column user is not a whole number"),
        (MovieLens1M, "movies.dat", "4::Twice (1999)::War", "item 4 is duplicated"),
        (MovieLens100K, "u.user", "7|30|F|artist|1", "user 7 is duplicated"),
        (MovieLens100K, "u.user", "77|old|F|artist|1", "'old' in column age is not a whole number"),
        (MovieLens100K, "u.item", "999|Odd (1999)|01-Jan-1999|||7" + "|0" * 18, "the flag of unknown is '7'"),
        (MovieLens1M, "ratings.dat", "1::1::9::1", "line 2001: the rating 9 is not between 0.5 and 5.0"),
    ],
)
def test_faulty_user_or_movie_is_named(folder, source, name, line, says):
    path = folder / source.name / name
    append(path, line)
    assert re.search(f"{path}.*{says}", error_of(source))


def test_published_files_with_a_wrong_number_of_ratings_are_refused(folder, monkeypatch, empty_cache):
    monkeypatch.setattr(MovieLens1M, "published_hashes", MovieLens1M().fingerprint())
    path = folder / "ml-1m" / "ratings.dat"
    assert f"{path} holds 2000 ratings; expected the 1000209" in error_of(MovieLens1M)


def test_files_with_the_published_hashes_are_the_published_edition(folder, monkeypatch, empty_cache):
    monkeypatch.setattr(MovieLens100K, "published_hashes", MovieLens100K().fingerprint())
    monkeypatch.setattr(MovieLens100K, "published_rows", 2000)
    assert prepare(MovieLens100K(), RandomSplit()).meta["edition"] == "published"


def test_data_folder_that_does_not_exist_is_a_usage_error(monkeypatch, tmp_path):
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="nowhere"):
        prepare(MovieLens1M(), RandomSplit())
