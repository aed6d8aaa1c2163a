"""Logs on which a network could be dead: what it learns, and what a run says that is no better than chance."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from cadc.data.prepare import prepare
from cadc.data.sources.synthetic import Synthetic
from cadc.data.sources.table import Table
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError
from cadc.evaluation.metrics.auc import AUC, auc
from cadc.evaluation.metrics.logloss import LogLoss
from cadc.training.advice import Course, advice
from cadc.training.chance import Chance, mean_label_scores
from tests.support.commands import cadc

N_ROWS, N_USERS, N_ITEMS = 6000, 150, 200
TABLE = "data=table data.path=log.csv data.user=user data.item=item data.label=label"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write_log(kind, seed=0):
    """Write a log whose label depends on its user, item, their product, on nothing, or on many rare users and items."""
    rng = np.random.default_rng(seed)
    user, item = rng.integers(0, N_USERS, N_ROWS), rng.integers(0, N_ITEMS, N_ROWS)
    if kind == "rare":
        user, item = (np.minimum(rng.pareto(1.1, N_ROWS) * scale, 9_000).astype(int) for scale in (300, 200))
    by_user, by_item = rng.normal(size=(2, 10_000))
    odds = {"user": 3 * np.sign(by_user[user]), "item": 3 * np.sign(by_item[item]), "none": 0 * user}
    odds["product"] = 3 * np.sign(by_user[user] * by_item[item])
    odds["rare"] = 2 * (by_user[user] + by_item[item])
    label = (rng.random(N_ROWS) < 1 / (1 + np.exp(-odds[kind]))).astype(int)
    pd.DataFrame({"user": user, "item": item, "label": label}).to_csv("log.csv", index=False)


def train(*words):
    """Return the record of a run and what it said on standard error."""
    answer = cadc("train", *TABLE.split(), *words)
    assert answer.status == 0, answer.err
    return json.loads(Path(answer.out.split()[-1]).read_text()), answer.err


@pytest.mark.parametrize("words", [(), ("seed=1",), ("trainer.lazy_tables=true",)])
@pytest.mark.parametrize(("kind", "least"), [("user", 0.9), ("item", 0.88), ("rare", 0.65)])
def test_by_default_a_network_learns_labels_of_users_of_items_and_of_rare_ids(kind, least, words):
    write_log(kind)
    record, said = train(*words)
    assert record["metrics"]["val/auc"] > least
    assert "remark" not in record
    assert "chance" not in said


@pytest.mark.parametrize("model", ["deepfm", "dcn"])
def test_patience_waits_for_a_network_that_learns_products_late(model):
    write_log("product")
    words = (f"model={model}", "trainer.patience=2", "trainer.max_epochs=8")
    late, _ = train(*words)
    assert late["metrics"]["val/auc"] > 0.9
    early, said = train(*words, "trainer.grace_steps=0")
    assert early["cost"]["epochs"] == 3
    assert "no better than chance" in said


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [
        ("trainer.learning_rate=3", "lower trainer.learning_rate (now 3), to 0.003"),
        ("trainer.learning_rate=1e-9", "raise trainer.learning_rate (now 1e-09), to 0.003"),
    ],
)
def test_a_run_at_chance_names_its_cause_and_the_remedy_helps(cause, remedy):
    write_log("user")
    # Linear terms learn at any learning rate.
    common = ("model.linear=false", "trainer.max_epochs=8")
    record, said = train(cause, *common)
    assert abs(record["metrics"]["val/auc"] - 0.5) < 0.1
    assert remedy in record["remark"]
    assert record["remark"] in said
    key, value = remedy.split(" (now")[0].split()[-1], remedy.split("to ")[1].split()[0]
    better, said = train(f"{key}={value}", *common)
    assert better["metrics"]["val/auc"] > 0.9
    assert "remark" not in better


@pytest.mark.parametrize("name", ["weight_decay_tables", "weight_decay_mlp"])
def test_the_decay_that_exceeds_its_default_is_named(name):
    usual = {"learning_rate": 0.003, "weight_decay_tables": 3e-4, "weight_decay_mlp": 1e-4}
    course = Course([0.694, 0.693], 0.693, 0.05, 0.001, usual | {name: 5.0}, usual)
    said = advice(Chance(0.5, 0.01, 900, 0.8), course, is_ranking=False)
    assert f"lower trainer.{name} (now 5), to {usual[name]:g} or 0" in said
    course = Course([0.694, 0.693], 0.693, 0.05, 0.001, usual, usual)
    assert "lower trainer.weight_decay_tables (now 0.0003), to 0" in advice(Chance(0.5, 0.01, 900, 0.8), course, False)


def test_decay_beside_the_gradients_has_no_usual_value_that_it_could_exceed():
    write_log("user")
    decay = ("trainer.weight_decay=decoupled", "trainer.weight_decay_tables=1")
    record, _ = train("trainer.learning_rate=1e-6", *decay, "model.linear=false", "trainer.max_epochs=1")
    assert "raise trainer.learning_rate (now 1e-06), to 0.003" in record["remark"]


def test_where_training_rows_are_fitted_the_advice_is_against_overfitting():
    usual = {"learning_rate": 0.003, "weight_decay_tables": 3e-4, "weight_decay_mlp": 1e-4}
    course = Course([0.6, 0.2], 0.693, 0.05, 0.3, usual, usual)
    assert "raise sampler.rate" in advice(Chance(0.5, 0.01, 900, 0.8), course, False)


def test_where_labels_depend_on_nothing_the_run_says_that_nothing_simpler_does_better():
    write_log("none")
    record, said = train()
    assert "labels may not depend on these columns" in record["remark"]
    assert record["remark"] in said


def test_ranking_at_chance_is_said_and_its_remedy_helps():
    words = ["data=synthetic", "data.n_rows=6000", "data/split=leave_one_out", "model=two_tower", "trainer=ranking"]
    words += ["trainer.max_epochs=6", "embedding.dim=8"]
    answer = cadc("train", *words, "trainer.learning_rate=1e-12")
    assert "raise trainer.learning_rate (now 1e-12), to 0.003" in answer.err
    assert "the popularity of items reaches" in answer.err.lower()
    assert "chance" not in cadc("train", *words).err


def test_mean_labels_of_values_are_those_of_a_naive_loop():
    log = prepare(Synthetic(n_rows=600, n_users=20, n_items=15), RandomSplit(), 0)
    train_rows, asked = log.rows("train"), log.rows("validation")
    found = mean_label_scores(log, train_rows, asked).numpy()
    known, new = log.gather(train_rows), log.gather(asked)
    label = known.label.double().numpy() - known.label.double().mean().item()
    inputs = np.column_stack([known.dense.double().numpy(), np.ones(len(label))])
    slopes = np.linalg.solve(inputs.T @ inputs + 5 * np.eye(inputs.shape[1]), inputs.T @ label)
    for row in range(len(asked)):
        expected = np.append(new.dense[row].double().numpy(), 1) @ slopes
        for field in range(new.ids.shape[1]):
            own = label[(known.ids[:, field] == new.ids[row, field]).numpy()]
            expected += own.sum() / (len(own) + 5)
        assert found[row] == pytest.approx(expected)


def test_mean_labels_of_values_order_rows_by_the_user_where_labels_depend_on_users():
    write_log("user")
    log = prepare(Table(path="log.csv", user="user", item="item", label="label"), RandomSplit(), 0)
    rows = log.rows("validation")
    assert auc(log.labels(rows).numpy(), mean_label_scores(log, log.rows("train"), rows).numpy()) > 0.9


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("metric", [AUC(), LogLoss()])
def test_metrics_of_scores_that_are_no_numbers_are_a_sentence(metric, wrong):
    rows = pd.DataFrame({"label": [0, 1, 1], "probability": [0.1, wrong, 0.9]})
    with pytest.raises(DataError, match="1 of 3 probabilities are NaN or infinite"):
        metric.value(rows)


def test_auc_of_a_nan_is_refused():
    with pytest.raises(DataError, match="1 of 2 scores are NaN"):
        auc(np.array([0.0, 1.0]), np.array([np.nan, 0.5]))


def test_weights_of_rare_ids_are_no_denormal_numbers():
    write_log("rare")
    answer = cadc("train", *TABLE.split(), "trainer.max_epochs=15", "trainer.patience=15")
    from safetensors.torch import load_file

    for name, values in load_file(Path(answer.out.split()[-1]).parent / "model.safetensors").items():
        if values.dtype == torch.float32:
            size = values.abs()
            assert not ((size > 0) & (size < torch.finfo(torch.float32).tiny)).any(), name
