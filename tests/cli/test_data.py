"""`cadc data`: which data sets there are, whether their files are whole, and what they hold."""

import pytest

from cadc.config import compose_config, groups
from cadc.identity import file_hash
from cadc.pipeline import open_log
from tests.commands import cadc
from tests.helpers import N_MOVIES, N_USERS


@pytest.fixture
def publishers(small_movielens, monkeypatch):
    """Puts the made-up files in place of the publishers'."""
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    return small_movielens


def test_list_says_where_each_data_set_is(publishers):
    answer = cadc("data", "list")
    assert answer.status == 0
    places = dict(line.split(maxsplit=1) for line in answer.out.splitlines())
    assert list(places) == groups()["data"]
    assert places["synthetic"] == "generated"
    assert places["ml-1m"] == str(publishers / "ml-1m")
    assert places["ml-100k"] == str(publishers / "ml-100k")


def test_list_says_from_where_the_others_would_be_fetched(empty_cache):
    places = dict(line.split(maxsplit=1) for line in cadc("data", "list").out.splitlines())
    assert places["ml-1m"] == "to be fetched from https://files.grouplens.org/datasets/movielens/ml-1m.zip"
    assert not empty_cache.exists()


def test_fetch_of_what_is_there_says_where(publishers):
    answer = cadc("data", "fetch", "ml-1m")
    assert answer.status == 0
    assert answer.out == f"{publishers / 'ml-1m'}\n"


def test_verify_shows_the_hash_of_every_file(publishers):
    answer = cadc("data", "verify", "ml-1m")
    assert answer.status == 0
    *files, edition = answer.out.splitlines()
    assert [line.split()[0] for line in files] == ["ratings.dat", "users.dat", "movies.dat"]
    for line in files:
        name, found, state = line.split(maxsplit=2)
        assert found == file_hash(publishers / "ml-1m" / name)
        assert state == "no published hash known"
    assert edition == "edition: local"


def test_verify_says_that_files_are_not_the_publishers(publishers):
    answer = cadc("data", "verify", "ml-100k")
    assert answer.status == 1
    assert all(line.endswith("differs") for line in answer.out.splitlines()[:3])
    assert f"u.data, u.user, u.item in {publishers / 'ml-100k'} are not the publisher's" in answer.sentence


@pytest.mark.realdata
def test_the_publishers_files_are_whole():
    answer = cadc("data", "verify", "ml-100k")
    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[-1] == "edition: published"


@pytest.mark.parametrize("action", ["fetch", "verify"])
def test_generated_data_has_no_files(action):
    answer = cadc("data", action, "synthetic")
    assert answer.status == 0
    assert answer.out == "synthetic is generated; there are no files.\n"


def test_describe_counts_what_the_log_holds(publishers):
    answer = cadc("data", "describe", "ml-1m")
    assert answer.status == 0
    log = open_log(compose_config(["data=ml-1m"]))
    lines = {line.split()[0]: line for line in answer.out.splitlines()}
    for split, n_rows in (("train", 1600), ("validation", 200), ("test", 200)):
        share = 100 * float((log.column("label", split) == 1).mean())
        assert f" {n_rows:,} rows" in lines[split]
        assert f" {share:.1f} % positive" in lines[split]
    assert f" {N_USERS}, {N_USERS} with rows" in lines["users"]
    assert f" {N_MOVIES}, {N_MOVIES - 1} with rows" in lines["items"]  # the last film is never rated
    assert f"{2000 / (N_USERS * N_MOVIES):.4%}" in lines["density"]
    assert "genres" in lines["fields"]
    assert "(bag)" in lines["fields"]


def test_describe_follows_overrides(publishers):
    strict, lenient = (cadc("data", "describe", "ml-1m", f"data.threshold={value}").out for value in (5, 2))
    assert strict != lenient


def test_describe_shows_dense_features():
    answer = cadc("data", "describe", "synthetic", "data.n_rows=3000")
    assert answer.status == 0
    assert answer.out.splitlines()[-1].split() == ["dense", "recency"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["verify"], "`cadc data verify` needs the name of a data set"),
        (["describe"], "`cadc data describe` needs the name of a data set"),
        (["describe", "ml-1mm"], "did you mean data=ml-1m"),
        (["verify", "nothing"], "data=nothing does not exist"),
        (["describe", "synthetic", "data.n_rws=5"], "there is no key data.n_rws; did you mean data.n_rows"),
    ],
)
def test_wrong_words_are_a_sentence(words, said):
    answer = cadc("data", *words)
    assert answer.status == 2
    assert said in answer.sentence
