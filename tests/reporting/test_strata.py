"""Strata of a table against pandas' own grouping."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from cadc.errors import CadcError
from cadc.ledger import Ledger
from cadc.provenance.fingerprint import file_hash
from cadc.reporting.points import Point
from cadc.reporting.strata import COUNTS, FILE, strata
from tests.reporting.made_up import made_up_columns


def saved(seed, n_rows=1200):
    rng = np.random.default_rng(seed)
    user = rng.integers(0, 60, n_rows)
    rows = pd.DataFrame({"row": np.arange(n_rows), "user": user, "item": rng.integers(0, 40, n_rows)})
    rows["label"] = rng.integers(0, 2, n_rows).astype(float)
    rows["probability"] = rng.random(n_rows)
    rows["rank"] = rng.integers(1, 40, n_rows).astype(float)
    for side in ("user", "item"):
        rows[f"{side}_rows_train"] = rows[side] * 3
        rows[f"{side}_rows_sample"] = rows[side] // 3
    return rows


@pytest.fixture
def point(tmp_path):
    ledger, records = Ledger(tmp_path / "runs"), []
    for seed in range(3):
        path = ledger.path(f"run-{seed}")
        path.mkdir(parents=True)
        rows = saved(seed)
        rows.drop(columns="rank").to_parquet(path / "scores.parquet")
        rows.drop(columns="probability").to_parquet(path / "ranks.parquet")
        files = {name: file_hash(path / name) for name in ("scores.parquet", "ranks.parquet")}
        records.append({"id": f"run-{seed}", "files": files, "rows": {"kept": 100}})
    return ledger, Point("mf", made_up_columns("mf", 0.1), records)


def by_hand(column, edges, metric):
    """Return mean over seeds by pandas' cut and groupby."""
    found = []
    for seed in range(3):
        rows = saved(seed)
        group = pd.cut(rows[column], [*edges, np.inf], right=False)
        found.append(rows.groupby(group, observed=True).apply(metric))
    return pd.concat(found, axis=1).mean(axis=1)


@pytest.mark.parametrize("part", ["sample", "train"])
def test_activity_of_users_splits_rows_as_pandas_does(point, part):
    ledger, row = point
    found = strata([row], ["auc", "logloss", "ece"], ledger)
    name = "the sample" if part == "sample" else "training"
    own = found[found["by"] == f"rows of the user in {name}"]
    edges = [0, 1, 5, 20, 100]
    for metric, function in (("auc", roc_auc_score), ("logloss", log_loss)):
        right = by_hand(f"user_rows_{part}", edges, lambda g, of=function: of(g["label"], g["probability"]))
        np.testing.assert_allclose(own[f"{metric}_mean"], right, atol=1e-6)
    assert own["n_rows"].sum() == pytest.approx(1200, abs=3)
    assert "ece_mean" not in found


def test_warm_and_cold_are_told_apart_for_users_and_items(point):
    ledger, row = point
    found = strata([row], ["auc"], ledger).query("by == 'seen in the sample'").set_index("stratum")
    assert list(found.index) == ["warm", "cold user", "cold item", "cold both"]
    values = []
    for seed in range(3):
        rows = saved(seed)
        cold = rows[(rows["user_rows_sample"] == 0) & (rows["item_rows_sample"] > 0)]
        values.append(roc_auc_score(cold["label"], cold["probability"]))
    assert found.loc["cold user", "auc_mean"] == pytest.approx(np.mean(values), abs=1e-6)
    assert found.loc["cold user", "seeds"] == 3


def test_quarters_of_users_by_coherence_are_those_that_pandas_cuts(point):
    ledger, row = point
    assert not strata([row], ["auc"], ledger)["by"].str.contains("surprise").any(), "runs of before have none"
    values = []
    for seed, record in enumerate(row.records):
        path = ledger.path(record["id"]) / "scores.parquet"
        rows = saved(seed)
        surprise = np.random.default_rng(seed).random(60).astype("float32")
        rows["user_surprise"] = rows["user_conditional_surprise"] = surprise[rows["user"]]
        rows.to_parquet(path)
        record["files"] = {}
        quarter = pd.qcut(pd.Series(surprise), 4, labels=False)[rows["user"]].to_numpy()
        values.append(roc_auc_score(rows["label"][quarter == 0], rows["probability"][quarter == 0]))
    found = strata([row], ["auc"], ledger)
    for by in ("surprise of the user", "conditional surprise of the user"):
        own = found[found["by"] == by].set_index("stratum")
        assert list(own.index) == ["lowest quarter", "second quarter", "third quarter", "highest quarter"]
        assert own.loc["lowest quarter", "auc_mean"] == pytest.approx(np.mean(values), abs=1e-6)


def test_ranks_have_strata_too(point):
    ledger, row = point
    found = strata([row], ["hr@10", "ndcg@10"], ledger).query("by == 'rows of the user in training'")
    hits = []
    for seed in range(3):
        rows = saved(seed)
        active = rows[rows["user_rows_train"] >= 100]
        hits.append((active.groupby("user")["rank"].min() <= 10).mean())
    assert found.set_index("stratum").loc["100+", "hr@10_mean"] == pytest.approx(np.mean(hits), abs=1e-6)


def test_a_model_without_a_sample_has_strata_of_training_alone(point):
    ledger, row = point
    for record in row.records:
        record["rows"] = {"kept": None}
    assert set(strata([row], ["auc"], ledger)["by"]) == {"rows of the user in training", "seen in training"}


def test_scores_without_counts_have_no_strata(point):
    ledger, row = point
    for record in row.records:
        path = ledger.path(record["id"]) / "scores.parquet"
        pd.read_parquet(path).drop(columns=list(COUNTS)).to_parquet(path)
        record["files"] = {}
    assert strata([row], ["auc"], ledger) is None


def test_strata_of_the_same_runs_that_were_kept_serve_where_scores_are_gone(point, tmp_path):
    ledger, row = point
    found = strata([row], ["auc"], ledger)
    (tmp_path / FILE).write_text(found.to_csv(index=False, lineterminator="\n"))
    kept = strata([row], ["auc"], Ledger(tmp_path / "none"), [tmp_path])
    pd.testing.assert_frame_equal(kept, found)
    row.records[0]["id"] = "another"
    assert strata([row], ["auc"], Ledger(tmp_path / "none"), [tmp_path]) is None
    (tmp_path / FILE).write_text('a,"b\n')
    with pytest.raises(CadcError, match=r"strata\.csv cannot be read as a table"):
        strata([row], ["auc"], Ledger(tmp_path / "none"), [tmp_path])
