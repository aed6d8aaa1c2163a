"""One run: its record, its numbers against scikit-learn, its costs, and what it refuses."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from cadc.errors import DataError
from cadc.ledger import Ledger
from cadc.pipeline.evaluate import score
from cadc.pipeline.run import run
from cadc.pipeline.settings import Settings
from cadc.serving.load import load_run
from tests.support.commands import TINY, cadc, folders, runs, train


@pytest.fixture(scope="module")
def finished(session_cache, tmp_path_factory):
    """Folder of a finished run whose tables start from factors."""
    with folders(session_cache, tmp_path_factory.mktemp("pipeline") / "runs"):
        return train("initializer=mf", "sampler.rate=0.5")


@pytest.fixture(scope="module")
def record(finished):
    return json.loads((finished / "record.json").read_text())


@pytest.mark.parametrize(
    ("part", "keys"),
    [
        (None, "id schema_version status config seed data code environment metrics cost bytes rows files"),
        ("data", "name edition content_hash rows"),
        ("code", "version commit dirty hash"),
        ("metrics", "test/auc test/logloss val/auc val/logloss"),
        ("cost", "prepare_s factorize_s train_s evaluate_s total_s examples_per_s peak_rss_mb epochs"),
        ("bytes", "embedding optimizer"),
        ("rows", "kept full"),
    ],
)
def test_record_holds(record, part, keys):
    assert set(keys.split()) <= set(record if part is None else record[part])


def test_record_says_what_was_run(record, finished):
    assert record["status"] == "finished"
    assert record["id"] == finished.name
    assert record["config"]["sampler"]["rate"] == 0.5
    assert record["data"]["rows"] == {"train": 2400, "validation": 300, "test": 300}
    assert record["rows"] == {"kept": 1200, "full": 2400, "factorized": 2400, "validation": 300}
    assert record["environment"]["packages"]["torch"]
    assert record["environment"]["denormals_flushed"] is True
    assert 1 <= record["cost"]["epochs"] <= 2
    assert 1 <= record["cost"]["best_epoch"] <= record["cost"]["epochs"]
    assert min(record["bytes"].values()) > 0


def test_metrics_are_those_that_scikit_learn_finds_in_the_saved_scores(record, finished):
    scores = pd.read_parquet(finished / "scores.parquet")
    assert scores["probability"].dtype == np.float64
    assert len(scores) == record["data"]["rows"]["test"]
    expected_auc = roc_auc_score(scores["label"], scores["probability"])
    expected_logloss = log_loss(scores["label"].astype(float), scores["probability"])
    assert record["metrics"]["test/auc"] == pytest.approx(expected_auc, abs=1e-9)
    assert record["metrics"]["test/logloss"] == pytest.approx(expected_logloss, abs=1e-9)


def test_validation_metrics_are_those_of_the_saved_weights(record, finished):
    _, log, model = load_run(Ledger(finished.parent), finished.name)
    scores = score(model, log, "validation")
    found = roc_auc_score(scores["label"], scores["probability"])
    assert record["metrics"]["val/auc"] == pytest.approx(found, abs=1e-9)
    found = log_loss(scores["label"].astype(float), scores["probability"])
    assert record["metrics"]["val/logloss"] == pytest.approx(found, abs=1e-9)


def test_curves_have_a_line_for_each_epoch(record, finished):
    curves = pd.read_csv(finished / "metrics.csv")
    assert list(curves.columns) == ["epoch", "val/auc", "val/logloss", "train/loss"]
    assert curves["epoch"].tolist() == list(range(1, record["cost"]["epochs"] + 1))
    assert curves.notna().all(axis=None)
    assert curves["val/logloss"].min() == pytest.approx(record["metrics"]["val/logloss"], abs=1e-6)


def test_hashes_of_all_files_are_in_the_record(record, finished):
    assert record["files"] == {
        name: hashlib.sha256((finished / name).read_bytes()).hexdigest()
        for name in ("metrics.csv", "model.safetensors", "scores.parquet")
    }


def test_the_test_part_is_left_alone_where_validation_is_evaluated():
    folder = train("evaluate=validation", "sampler.rate=0.5")
    record = json.loads((folder / "record.json").read_text())
    assert set(record["metrics"]) == {"val/auc", "val/logloss", "val/ece", "val/gauc"}
    assert len(pd.read_parquet(folder / "scores.parquet")) == record["data"]["rows"]["validation"]
    assert folder != train("sampler.rate=0.5")


def test_total_is_the_sum_of_the_stages(record):
    stages = [f"{name}_s" for name in ("prepare", "sample", "factorize", "initialise", "train", "evaluate")]
    assert record["cost"]["total_s"] == pytest.approx(sum(record["cost"][stage] for stage in stages))
    assert record["cost"]["factorize_s"] > 0


def test_factorisation_from_the_cache_counts_the_seconds_that_it_took_when_made(empty_cache):
    first, second = (
        json.loads((train("initializer=mf", f"weight_seed={seed}") / "record.json").read_text())["cost"]
        for seed in (0, 1)
    )
    assert first.keys() == second.keys()
    assert second["factorize_s"] == first["factorize_s"] > 0
    assert second["total_s"] > second["factorize_s"] + second["train_s"]
    assert second["factorize_epochs"] == first["factorize_epochs"]


def test_one_class_in_a_part_is_refused_before_training(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    # A validation part of one row has one class.
    settings = Settings.compose([*TINY, "data.n_rows=40", "data.split.validation=0.025"])
    with pytest.raises(DataError, match=r"validation part of synthetic .*[01]"):
        run(settings, "id", "code", folder)
    assert list(folder.iterdir()) == []


def test_one_class_in_real_files_is_a_sentence(small_movielens, monkeypatch):
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    answer = cadc("train", "data=ml-1m", "data.threshold=0")
    assert answer.status == 1
    assert "labels of the train part of ml-1m are 1, so AUC is undefined" in answer.err
    assert len(answer.err.splitlines()) == 1
    assert list(Ledger().statuses().values()) == ["failed"]


def test_one_test_row_a_user_leaves_gauc_undefined_and_the_run_alone():
    record = json.loads((train("data/split=leave_one_out", "model=bias") / "record.json").read_text())
    assert {"test/auc", "test/logloss", "test/ece"} <= set(record["metrics"])
    assert not [name for name in record["metrics"] if "gauc" in name]
    assert cadc("ledger", "show", record["id"]).status == 0


def test_a_loss_that_is_no_number_fails_the_run_and_leaves_a_record_that_says_so():
    answer = cadc("train", *TINY, "trainer.learning_rate=1e30")
    assert answer.status == 1
    assert len(answer.err.splitlines()) == 1
    assert "lower trainer.learning_rate" in answer.err
    (run_id,) = runs()
    assert [path.name for path in Ledger().path(run_id).iterdir()] == ["record.json"]
    record = Ledger().record(run_id)
    assert record["status"] == "failed"
    assert "lower trainer.learning_rate" in record["reason"]
    assert record["config"]["trainer"]["learning_rate"] == 1e30


def test_a_run_leaves_these_files_and_nothing_beside_them(finished):
    assert not list(finished.parent.glob(".*"))
    assert sorted(path.name for path in finished.iterdir()) == [
        "metrics.csv",
        "model.safetensors",
        "record.json",
        "scores.parquet",
    ]
