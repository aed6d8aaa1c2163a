"""`cadc data`: which data sets there are, whether their files are whole, and what they hold."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from cadc.configuration.groups import groups
from cadc.evaluation.coherence import coherence
from cadc.evaluation.user_coherence import trained_items
from cadc.pipeline.build import open_log
from cadc.pipeline.settings import Settings
from cadc.provenance.fingerprint import file_hash
from tests.data.small_sources import write_criteo, write_movielens_csv
from tests.support.commands import cadc
from tests.support.helpers import N_MOVIES, N_USERS


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
@pytest.mark.parametrize("name", ["ml-100k", "epinions", "movietweetings"])
def test_the_publishers_files_are_whole(name):
    answer = cadc("data", "verify", name)
    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[-1] == "edition: published"


@pytest.mark.parametrize("action", ["fetch", "verify"])
def test_generated_data_has_no_files(action):
    answer = cadc("data", action, "synthetic")
    assert answer.status == 0
    assert answer.out == "synthetic is generated; there are no files.\n"


@pytest.mark.parametrize("action", ["fetch", "verify"])
def test_a_table_of_ones_own_is_not_fetched(action):
    answer = cadc("data", action, "table")
    assert answer.status == 0
    assert answer.out == "table is your own file or folder of files, data.path=FILE; there are no files.\n"


def test_a_data_set_may_be_named_as_in_other_commands():
    assert cadc("data", "fetch", "data=table") == cadc("data", "fetch", "table")


@pytest.mark.parametrize("name", ["criteo", "avazu", "epinions"])
@pytest.mark.parametrize("action", ["fetch", "verify", "describe"])
def test_what_a_person_has_to_fetch_is_a_sentence(name, action):
    answer = cadc("data", action, name)
    assert answer.status == 1
    assert f"{name} must be fetched by hand" in answer.sentence


NOT_FETCHED = ("synthetic", "drifting", "table", "recbole", "lightgcn", "libfm")


@pytest.mark.parametrize("name", [name for name in groups()["data"] if name not in NOT_FETCHED])
def test_every_data_set_says_where_it_comes_from(name):
    places = dict(line.split(maxsplit=1) for line in cadc("data", "list").out.splitlines())
    assert "https://" in places[name]


def test_edition_of_files_that_their_publisher_replaces_is_said(tmp_path, monkeypatch):
    write_movielens_csv(tmp_path / "ml-latest")
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path))
    answer = cadc("data", "verify", "ml-latest")
    assert answer.status == 0
    assert answer.out.splitlines()[-1] == "edition: rolling"


@pytest.fixture
def inside(tmp_path, monkeypatch):
    """Makes a folder of its own the working directory."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def test_describe_draws_the_activity_curves(publishers, inside):
    answer = cadc("data", "describe", "ml-1m", "--output", inside / "mine")
    assert answer.status == 0
    assert sorted(path.name for path in (inside / "mine").iterdir()) == ["activity.png", "description.txt"]
    image = plt.imread(inside / "mine" / "activity.png")
    assert image.shape[1] > 1000
    assert image[..., :3].std() > 0.05, "not an empty picture"
    assert cadc("data", "describe", "ml-1m").status == 0
    assert (inside / "outputs" / "data" / "ml-1m" / "activity.png").exists()


def test_describe_counts_activity_and_cold_starts(inside):
    words = ["data.n_rows=3000", "data.n_users=400", "data.n_items=500"]
    answer = cadc("data", "describe", "synthetic", *words)
    log = open_log(Settings.compose(["data=synthetic", *words]))
    blocks = answer.out.split("users  ")[1].split("items  ")
    for side, block in zip(("user", "item"), blocks, strict=True):
        counts = Counter(log.column(side).tolist())
        expected = [f"{int(np.percentile(list(counts.values()), p)):,}" for p in (5, 25, 50, 75, 95, 100)]
        assert f"rows of each {side} (5, 25, 50, 75, 95, 100 %): {', '.join(expected)}\n" in block
        known = set(log.column(side, "train").tolist())
        for split in ("validation", "test"):
            entities = log.column(side, split).tolist()
            of_rows = 100 * np.mean([entity not in known for entity in entities])
            of_entities = 100 * np.mean([entity not in known for entity in set(entities)])
            assert of_rows > 0, "the test can fail"
            said = f"{of_entities:.2f} % of the {side}s of the {split} part, in {of_rows:.2f} % of its rows"
            assert said in block


def test_describe_says_how_coherent_users_are(inside):
    words = ["data.n_rows=3000", "data.n_users=60", "data.n_items=80"]
    answer = cadc("data", "describe", "synthetic", *words)
    found = coherence(trained_items(open_log(Settings.compose(["data=synthetic", *words]))))
    for values, what in zip(found, ("each user's training items", "these given one another"), strict=True):
        expected = ", ".join(f"{value:.2f}" for value in np.nanpercentile(values, (5, 25, 50, 75, 95, 100)))
        assert f"coherence mean surprise of {what} (5, 25, 50, 75, 95, 100 %): {expected} nats\n" in answer.out


def test_describe_says_what_each_segment_holds(inside):
    words = ["data.n_rows=2000", "data.n_users=60", "data.n_items=80", "data/split=segments", "data.split.n=3"]
    answer = cadc("data", "describe", "drifting", *words)
    log = open_log(Settings.compose(["data=drifting", *words]))
    rows = pd.DataFrame({name: log.column(name) for name in ("row", "user", "item")}).sort_values("row")
    known = {"user": set(), "item": set()}
    lines = answer.out.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("segments"))
    # Rows of the generated stream are in the order of their times.
    for number, own in enumerate(np.array_split(np.arange(2000), [667, 1334])):
        n_train = round(0.8 * len(own))
        n_validation = (len(own) - n_train) // 2
        before = {side: len(values) for side, values in known.items()}
        for side, values in known.items():
            values |= set(rows[side].iloc[own[:n_train]])
        test = rows.iloc[own[n_train + n_validation :]]
        cold = ~(test["user"].isin(known["user"]) & test["item"].isin(known["item"]))
        expected = [n_train, n_validation, len(test), *(len(known[side]) - before[side] for side in known)]
        assert lines[first + 1 + number].split() == [
            str(number + 1),
            *map(str, expected),
            f"{100 * cold.mean():.1f}",
            "%",
        ]


def test_describe_says_who_stays_in_training(inside):
    answer = cadc("data", "describe", "synthetic", "data.n_rows=300", "data.n_users=200", "data/split=leave_one_out")
    assert answer.status == 0
    assert "users have too few rows for a test row" in answer.out


def test_describe_of_clicks_has_no_users_and_draws_nothing(tmp_path, inside, monkeypatch):
    write_criteo(tmp_path / "criteo")
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path))
    answer = cadc("data", "describe", "criteo")
    assert answer.status == 0
    assert [line.split()[0] for line in answer.out.splitlines()][1:] == [
        *("all", "train", "validation", "test", "fields", "dense"),
    ]
    assert list(inside.iterdir()) == []


def test_describe_counts_what_the_log_holds(publishers, inside):
    answer = cadc("data", "describe", "ml-1m")
    assert answer.status == 0
    log = open_log(Settings.compose(["data=ml-1m"]))
    lines = {line.split()[0]: line for line in answer.out.splitlines()}
    for split, n_rows in (("train", 1600), ("validation", 200), ("test", 200)):
        share = 100 * float((log.column("label", split) == 1).mean())
        assert f" {n_rows:,} rows" in lines[split]
        assert f" {share:.1f} % positive" in lines[split]
    shares = pd.Series(log.column("rating")).value_counts(normalize=True).sort_index()
    assert lines["ratings"].split(None, 1)[1] == ", ".join(f"{value:g}: {share:.1%}" for value, share in shares.items())
    assert f" {N_USERS}, {N_USERS} with rows" in lines["users"]
    assert f" {N_MOVIES}, {N_MOVIES - 1} with rows" in lines["items"]  # the last film is never rated
    assert f"{2000 / (N_USERS * N_MOVIES):.4%}" in lines["density"]
    assert "repeated" not in lines
    assert "genres" in lines["fields"]
    assert "(bag)" in lines["fields"]


def test_describe_keeps_two_tables_apart_and_writes_where_it_is_told(inside):
    for name, n in (("sales", 200), ("rentals", 300)):
        pd.DataFrame({"who": np.arange(n) % 9, "what": np.arange(n) % 7, "good": np.arange(n) % 2}).to_csv(
            f"{name}.csv"
        )
    words = ("data.user=who", "data.item=what", "data.label=good")
    answers = {
        name: cadc("data", "describe", "table", f"data.path={name}.csv", *words) for name in ("sales", "rentals")
    }
    told = cadc("data", "describe", "table", "data.path=sales.csv", *words, "--output", "told")
    assert [answer.status for answer in (*answers.values(), told)] == [0, 0, 0]
    folders = sorted(path.parent for path in (inside / "outputs").rglob("activity.png"))
    assert [next(name for name in answers if name in path.name) for path in folders] == ["rentals", "sales"]
    for name, folder in zip(("rentals", "sales"), folders, strict=True):
        assert (folder / "description.txt").read_text() == answers[name].out
    assert sorted(path.name for path in Path("told").iterdir()) == ["activity.png", "description.txt"]
    assert not Path("results").exists()


def test_describe_shows_percentiles_of_ratings_of_many_values(inside):
    pd.DataFrame({"who": np.arange(200) % 9, "price": np.arange(200) / 4}).to_csv("sales.csv", index=False)
    words = ("data.path=sales.csv", "data.user=who", "data.rating=price", "data.threshold=20")
    answer = cadc("data", "describe", "table", *words)
    assert "ratings     200 different (5, 25, 50, 75, 95, 100 %): 2.4875, 12.4375, 24.875" in answer.out


def test_describe_counts_rows_of_a_pair_that_came_before(inside):
    words = ("synthetic", "data.n_rows=3000", "data.n_users=60", "data.n_items=80")
    answer = cadc("data", "describe", *words)
    assert answer.status == 0, answer.err
    log = open_log(Settings.compose(["data=synthetic", *words[1:]]))
    lines = {line.split()[0]: line for line in answer.out.splitlines()}
    pairs = set(zip(log.column("user").tolist(), log.column("item").tolist(), strict=True))
    n_rows = sum(log.meta["rows"].values())
    assert len(pairs) < n_rows
    assert f" {n_rows - len(pairs):,} rows" in lines["repeated"]
    assert f"{len(pairs) / (len(log.entity_keys('user')) * len(log.entity_keys('item'))):.4%}" in lines["density"]


def test_describe_follows_overrides(publishers, inside):
    strict, lenient = (cadc("data", "describe", "ml-1m", f"data.threshold={value}").out for value in (5, 2))
    assert strict != lenient


def test_describe_shows_dense_features(inside):
    answer = cadc("data", "describe", "synthetic", "data.n_rows=3000")
    assert answer.status == 0
    assert answer.out.splitlines()[-1].split() == ["dense", "recency"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["verify"], "`cadc data verify` needs a data set"),
        (["describe"], "`cadc data describe` needs a data set"),
        (["describe", "ml-1mm"], "did you mean data=ml-1m"),
        (["verify", "nothing"], "data=nothing does not exist"),
        (["list", "--output", "x"], "--output is only for `cadc data describe`"),
        (["describe", "synthetic", "data.n_rws=5"], "there is no key data.n_rws; did you mean data.n_rows"),
    ],
)
def test_wrong_words_are_a_sentence(words, said):
    answer = cadc("data", *words)
    assert answer.status == 2
    assert said in answer.sentence
