"""New rows of a model with a view that reads times: which column it is, and that the run's own rows score as saved."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.commands import cadc, folders

ROLES = ("data.user=who", "data.item=what", "data.label=bought", "data.time=when", "data.context_fields=[hour]")
MODEL = (
    "model=stack",
    "views=[factorization,profile,recency,statistics]",
    "views.profile.rank=3",
    "factorization=fm",
    "factorization_rows=complement",
    "sampler.rate=0.3",
)


def made_up(n_rows=600):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "who": rng.integers(1, 21, n_rows),
            "what": rng.integers(1, 26, n_rows),
            "hour": rng.integers(0, 6, n_rows),
            "when": 10**9 + rng.integers(0, 5000, n_rows),
            "bought": rng.integers(0, 2, n_rows),
        }
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of a finished run on made-up rows with times."""
    place = tmp_path_factory.mktemp("timed rows")
    path = place / "log.parquet"
    made_up().to_parquet(path)
    with folders(place / "cache", place / "runs"):
        answer = cadc("train", "data=table", f"data.path='{path}'", *ROLES, *MODEL)
        assert answer.status == 0, answer.err
    return Path(answer.out.splitlines()[-1]).parent


@pytest.fixture(autouse=True)
def run(finished, monkeypatch):
    """The finished run, whose ledger and cache are in place."""
    monkeypatch.setenv("CADC_RUNS", str(finished.parent))
    monkeypatch.setenv("CADC_CACHE", str(finished.parents[1] / "cache"))
    return finished


def predict(run, rows, path):
    rows.to_parquet(path)
    answer = cadc("predict", run.name, path, "--output", path.with_name("scored.parquet"))
    assert answer.status == 0, answer.err
    return pd.read_parquet(path.with_name("scored.parquet"))["probability"].to_numpy()


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows,
        lambda rows: rows.rename(columns={"when": "time"}),
        lambda rows: rows.assign(when=pd.to_datetime(rows["when"], unit="s")),
        lambda rows: rows.assign(when=rows["when"] - 0.25),
    ],
    ids=["own name", "time", "dates", "parts of a second"],
)
def test_the_test_rows_score_as_saved(run, tmp_path, change):
    saved = pd.read_parquet(run / "scores.parquet")
    found = predict(run, change(made_up()), tmp_path / "rows.parquet")
    assert np.array_equal(found[saved["row"]], saved["probability"])


def test_other_times_give_other_scores(run, tmp_path):
    rows = made_up()
    early = predict(run, rows.assign(when=0), tmp_path / "early.parquet")
    late = predict(run, rows.assign(when=2 * 10**9), tmp_path / "late.parquet")
    assert (early != late).mean() > 0.9


def test_rows_without_times_are_refused(run, tmp_path):
    made_up().drop(columns="when").to_parquet(tmp_path / "rows.parquet")
    answer = cadc("predict", run.name, tmp_path / "rows.parquet", "--output", tmp_path / "scored.parquet")
    assert answer.status == 1
    assert "lacks the columns when or time" in answer.err


def test_times_that_do_not_fit_are_refused(run, tmp_path):
    made_up().assign(when=["soon"] * 600).to_csv(tmp_path / "rows.csv")
    answer = cadc("predict", run.name, tmp_path / "rows.csv", "--output", tmp_path / "scored.parquet")
    assert answer.status == 1
    assert "when" in answer.err and "is not a time" in answer.err
