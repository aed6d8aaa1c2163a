"""The log keeps the raw ratings of its rows beside the labels, as pandas reads them from the files."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.column_block import Block
from cadc.data.labels.ratings import rated
from cadc.data.log import InteractionLog
from cadc.data.prepare import prepare
from cadc.data.sources import Epinions, LibFM, MovieLens1M, MovieLens100K, MovieLensLatestSmall, MovieTweetings, RecBole
from cadc.data.sources.synthetic import Synthetic
from cadc.data.sources.table import Table
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError
from tests.data import small_sources
from tests.data.layouts.made_up import write_recbole
from tests.support.helpers import small_synthetic_log, write_small_movielens


def ratings_of(path, separator, header=None):
    return pd.read_csv(path, sep=separator, header=header, engine="python").iloc[:, 2].to_numpy()


def of_ml_1m(folder):
    write_small_movielens(folder)
    return MovieLens1M(), 4.0, ratings_of(folder / "ml-1m" / "ratings.dat", "::")


def of_ml_100k(folder):
    write_small_movielens(folder)
    return MovieLens100K(threshold=3), 3.0, ratings_of(folder / "ml-100k" / "u.data", "\t")


def of_half_stars(folder):
    small_sources.write_movielens_csv(folder / "ml-latest-small")
    found = ratings_of(folder / "ml-latest-small" / "ratings.csv", ",", header=0)
    assert {0.5, 3.5} <= set(found)
    return MovieLensLatestSmall(threshold=3.5), 3.5, found


def of_movietweetings(folder):
    small_sources.write_movietweetings(folder / "movietweetings")
    return MovieTweetings(), 8.0, ratings_of(folder / "movietweetings" / "ratings.dat", "::")


def of_epinions(folder):
    matrix = pd.DataFrame(small_sources.write_epinions(folder / "epinions"))
    latest = matrix.sort_values(5, kind="stable").drop_duplicates([0, 1], keep="last").sort_index()
    return Epinions(), 5.0, latest[3].to_numpy()


def of_a_table(folder):
    rng = np.random.default_rng(0)
    stars = rng.integers(0, 21, 300) / 20
    frame = pd.DataFrame({"who": rng.integers(9, size=300), "what": rng.integers(9, size=300), "stars": stars})
    frame.to_csv(folder / "table.csv", index=False)
    return Table(str(folder / "table.csv"), user="who", item="what", rating="stars", threshold=0.7), 0.7, stars


def of_recbole(folder):
    rows = write_recbole(folder)
    return RecBole(str(folder), threshold=4), 4.0, np.array([float(row[2]) for row in rows])


def of_libfm(folder):
    ratings = np.random.default_rng(0).integers(1, 11, 200) / 2
    lines = [f"{rating:g} {at % 7}:1 {at % 5}:1" for at, rating in enumerate(ratings)]
    (folder / "all.libfm").write_text("\n".join(lines) + "\n")
    return LibFM(str(folder), fields=("user", "item"), threshold=2.5), 2.5, ratings


MADE = [of_ml_1m, of_ml_100k, of_half_stars, of_movietweetings, of_epinions, of_a_table, of_recbole, of_libfm]


@pytest.mark.parametrize("make", MADE)
def test_every_source_keeps_what_its_labels_are_made_of(make, tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path))
    source, threshold, expected = make(tmp_path)
    log = prepare(source, RandomSplit())
    assert log.has_column("rating")
    rating = log.column("rating")
    assert rating.dtype == np.float32
    assert (rating == expected.astype(np.float32)[log.column("row")]).all()
    assert ((rating >= np.float32(threshold)) == (log.column("label") == 1)).all()
    rows = torch.tensor([5, 0, 5, int(log.rows("test")[-1])])
    assert log.ratings(rows).tolist() == rating[rows.numpy()].tolist()
    assert log.column("rating", "test").tolist() == rating[-log.n_rows("test") :].tolist()


@given(
    st.lists(st.floats(-1e30, 1e30) | st.integers(0, 50).map(lambda tenths: tenths / 10), min_size=1),
    st.data(),
    st.sampled_from(["f2", "f4", "f8", "text"]),
)
@settings(deadline=None, max_examples=150)
def test_in_32_bits_too_a_rating_reaches_the_threshold_just_where_the_label_is_1(numbers, data, kind):
    near = [np.nextafter(number, np.inf) for number in numbers]
    threshold = data.draw(st.sampled_from([*numbers, *near]))
    with np.errstate(over="ignore"):
        own = np.array([*numbers, *near], "f8" if kind == "text" else kind)
    own = own[np.isfinite(own)]
    if not len(own):
        return
    values = pa.array(list(map(str, own))) if kind == "text" else pa.array(own)
    label, rating = rated(Block("the file", 0, {"x": values}), "x", threshold)
    assert ((rating >= np.float32(threshold)) == (label == 1)).all()
    np.testing.assert_allclose(rating, own.astype(np.float32), rtol=2e-3 if kind == "f2" else 2e-7, atol=1e-7)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1), st.integers(-(2**63), 2**63 - 1))
@settings(deadline=None, max_examples=100)
def test_so_do_whole_numbers_that_32_bits_skip(numbers, threshold):
    values = pa.array([*numbers, threshold - (threshold > -(2**63)), threshold])
    label, rating = rated(Block("the file", 0, {"x": values}), "x", float(threshold))
    assert ((rating >= np.float32(threshold)) == (label == 1)).all()


def test_a_rating_beyond_32_bits_is_named():
    with pytest.raises(DataError, match=r"row 2: column x '1e\+39' is beyond 3.4e\+38"):
        rated(Block("the file", 0, {"x": pa.array([1.0, 1e39])}), "x", 3)


def test_a_rating_may_stand_beside_a_label_that_is_not_made_of_it(tmp_path):
    frame = pd.DataFrame({"who": range(40), "bought": [0, 1] * 20, "stars": np.arange(40) / 8})
    frame.to_parquet(tmp_path / "sales.parquet")
    log = prepare(Table(str(tmp_path / "sales.parquet"), user="who", label="bought", rating="stars"), RandomSplit())
    expected = frame.iloc[log.column("row")]
    assert log.column("rating").tolist() == expected["stars"].tolist()
    assert log.column("label").tolist() == expected["bought"].tolist()


def test_a_missing_rating_is_named(tmp_path):
    pd.DataFrame({"who": [1, 2], "bought": [0, 1], "stars": [1.5, None]}).to_csv(tmp_path / "sales.csv", index=False)
    source = Table(str(tmp_path / "sales.csv"), user="who", label="bought", rating="stars")
    with pytest.raises(DataError, match="row 2: column stars is missing; expected a number"):
        prepare(source, RandomSplit())


def test_a_log_of_clicks_has_none_and_says_so():
    log = small_synthetic_log()
    assert not log.has_column("rating")
    assert log.rating_hash is None
    with pytest.raises(DataError, match="has labels, but no ratings; choose data with ratings"):
        log.ratings(log.rows("test"))


def test_a_field_may_be_called_rating_beside_ratings(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"stars": rng.integers(1, 6, 100), "rating": rng.choice(["PG", "R"], 100)})
    frame.to_csv(tmp_path / "films.csv", index=False)
    options = {"context_fields": ("rating",), "rating": "stars", "threshold": 4.0}
    log = prepare(Table(str(tmp_path / "films.csv"), **options), RandomSplit())
    expected = frame.iloc[log.column("row")]
    assert log.vocabulary("rating")[log.column("context_ids")[:, 0] - 1].tolist() == expected["rating"].tolist()
    assert log.column("rating").tolist() == expected["stars"].tolist()


def test_other_ratings_of_the_same_labels_change_the_hash_of_ratings_alone(tmp_path):
    frame = pd.DataFrame({"who": np.arange(50) % 7, "stars": np.arange(50) % 5 + 1})
    logs = []
    for name, scale in (("first", 1), ("second", 2)):
        frame.assign(stars=frame["stars"] * scale).to_csv(tmp_path / f"{name}.csv", index=False)
        source = Table(str(tmp_path / f"{name}.csv"), user="who", rating="stars", threshold=4 * scale)
        logs.append(prepare(source, RandomSplit()))
    assert logs[0].content_hash == logs[1].content_hash
    assert logs[0].rating_hash != logs[1].rating_hash


def test_generated_ratings_change_nothing_else_and_rise_with_the_true_probability():
    plain, log = (
        small_synthetic_log(),
        prepare(Synthetic(n_rows=6000, n_users=60, n_items=80, ratings=True), RandomSplit()),
    )
    assert log.content_hash == plain.content_hash
    rating, oracle = log.column("rating"), log.column("oracle")
    assert ((rating >= 4) == (log.column("label") == 1)).all()
    assert set(rating) == {1, 2, 3, 4, 5}
    means = [oracle[rating == level].mean() for level in range(1, 6)]
    assert means == sorted(means)
    # P(rating 5) is the probability that a standard logistic variable exceeds 1 - logit.
    logit = np.log(oracle / (1 - oracle))
    for level, cut in ((5, 1), (3, -1), (2, -2)):
        assert abs((rating >= level).mean() - (1 / (1 + np.exp(cut - logit))).mean()) < 0.02


def test_a_damaged_rating_is_found(empty_cache):
    log = prepare(Synthetic(n_rows=3000, ratings=True), RandomSplit())
    values = np.load(log.folder / "rating.npy")
    values[7] = np.nan
    np.save(log.folder / "rating.npy", values)
    with pytest.raises(DataError, match=r"rating\.npy is damaged \(a value is not a finite number\)"):
        InteractionLog(log.folder).column("rating")
