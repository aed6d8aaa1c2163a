"""Runs of the two-tower network: what they record, how they go on after a stop, and what they export."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from cadc.data.prepare import prepare
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split.leave_one_out import LeaveOneOutSplit
from cadc.ledger import Ledger
from cadc.serving.load import load_run
from cadc.training.fit import Fit
from tests.models.ranking.two_towers import factors_of, model_of
from tests.support.commands import TINY, cadc, folders, train

LEAVE_ONE_OUT = "data/split=leave_one_out"
ARMS = {
    "plain": ("model.id_dot=true", "model.random=5"),
    "residual": ("model.residual=true", "model.dropout=0.2", "initializer=mf", "initializer.freeze=true"),
    "mlp": ("model.scorer=mlp", "model.loss=margin", "model.in_batch=5", "model.random=5"),
    "crossfit": ("model.residual=true", "initializer=mf", "initializer.freeze=true", "factorization_rows=crossfit"),
}


@pytest.fixture(scope="module", params=ARMS)
def finished(request, session_cache, tmp_path_factory):
    """Folder of a finished run."""
    with folders(session_cache, tmp_path_factory.mktemp("two-tower") / "runs"):
        words = (*TINY, LEAVE_ONE_OUT, "model=two_tower", "sampler.rate=0.5", *ARMS[request.param])
        yield train(*words)


def test_saved_ranks_are_those_of_the_saved_model_counted_one_by_one(finished):
    record = json.loads((finished / "record.json").read_text())
    assert record["task"] == "ranking"
    table = pd.read_parquet(finished / "ranks.parquet")
    _, log, model = load_run(Ledger(finished.parent), finished.name)
    before = [
        pd.DataFrame({side: log.column(side, split) for side in ("user", "item")}) for split in ("train", "validation")
    ]
    trained_items = torch.from_numpy(np.unique(before[0]["item"]).astype(np.int64))
    met = pd.concat(before)
    users = np.searchsorted(np.sort(log.entity_keys("user")), table["user"])
    users = np.argsort(log.entity_keys("user"))[users] + 1
    items = np.argsort(log.entity_keys("item"))[np.searchsorted(np.sort(log.entity_keys("item")), table["item"])] + 1
    for user, item, rank in list(zip(users, items, table["rank"], strict=True))[:15]:
        rivals = trained_items[~torch.isin(trained_items, torch.tensor(met["item"][met["user"] == user].to_numpy()))]
        rivals = rivals[rivals != item]
        pairs = torch.cat([torch.tensor([item]), rivals])
        batch = log.items(pairs)
        of_user = log.users(torch.full_like(pairs, int(user)))
        n_user = len(log.schema.of("user", bag=False))
        batch.ids[:, :n_user] = of_user.ids[:, :n_user]
        batch.bags |= {field.name: of_user.bags[field.name] for field in log.schema.of("user", bag=True)}
        with torch.no_grad():
            scores = model(batch)
        if item in trained_items:
            # A pair and a matrix are not multiplied in the same order.
            close = (scores[1:] - scores[0]).abs() < 1e-4
            assert abs(int((scores[1:] > scores[0]).sum()) + 1 - rank) <= int(close.sum())
        else:
            assert rank == np.inf
    assert record["metrics"]["test/hr@10"] == pytest.approx((table["rank"] <= 10).mean())


def test_new_rows_get_scores_which_are_no_probabilities(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_RUNS", str(finished.parent))
    record, log, _ = load_run(Ledger(), finished.name)
    rows = {side: log.entity_keys(side)[log.column(side, "test") - 1] for side in ("user", "item")}
    table = pd.DataFrame(rows).assign(**{field.name: -1 for field in log.schema.of("context", bag=False)})
    for column, name in enumerate(log.schema.dense):
        table[name] = log.column("dense", "test")[:, column]
    table.to_parquet(tmp_path / "rows.parquet")
    answer = cadc("predict", finished.name, tmp_path / "rows.parquet", "--output", tmp_path / "scored.parquet")
    assert answer.status == 0, answer.err
    scored = pd.read_parquet(tmp_path / "scored.parquet")
    assert "probability" not in scored
    assert np.isfinite(scored["score"]).all()
    assert record["task"] == "ranking"


def test_exported_tables_are_those_of_all_fields(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_RUNS", str(finished.parent))
    _, log, _ = load_run(Ledger(finished.parent), finished.name)
    answer = cadc("export", finished.name, "--output", tmp_path / "out")
    assert answer.status == 0, answer.err
    tables = load_file(tmp_path / "out" / "tables.safetensors")
    assert {name: len(table) for name, table in tables.items()} == {
        field.name: field.vocabulary_size for field in log.schema.fields
    }


@pytest.fixture(scope="module")
def log(session_cache):
    with folders(session_cache, session_cache):
        return prepare(Synthetic(n_rows=6000, n_users=100, n_items=120), LeaveOneOutSplit())


def fit(log, checkpoints=None, tell=None, learning_rate=0.003, max_epochs=4, patience=3, **options):
    torch.manual_seed(1)
    model = model_of(log, hidden=(16,), width=8, dropout=0.1, random=20, **options)
    fitting = Fit(
        max_epochs=max_epochs, patience=patience, batch_size=500, learning_rate=learning_rate, weight_decay_tables=0.0
    )
    shuffle = torch.Generator().manual_seed(3)
    result = fitting(model, log, log.rows("train"), shuffle, checkpoints, tell, task="ranking")
    return model.state_dict(), result


class Killed(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("residual", [False, True])
def test_a_fit_that_is_broken_off_ends_bit_equal(log, tmp_path, residual):
    options = {"residual": residual, "factors": factors_of(log)}
    weights, result = fit(log, **options)

    def kill(history):
        raise Killed

    with pytest.raises(Killed):
        fit(log, tmp_path, kill, **options)
    resumed, same = fit(log, tmp_path, **options)
    assert same.history == result.history
    assert all(torch.equal(resumed[name], value) for name, value in weights.items())


def test_training_ranks_better_than_chance(log):
    _, result = fit(log, max_epochs=20, patience=20)
    n_rivals = 120 - len(log.rows("train")) / 100
    chance = sum(1 / np.log2(1 + rank) for rank in range(1, 11)) / n_rivals
    assert result.validation["ndcg@10"] > 1.5 * chance


def test_the_base_of_a_residual_is_kept_where_no_epoch_is_better(log):
    _, result = fit(log, residual=True, factors=factors_of(log), learning_rate=3.0)
    assert result.best_epoch == 0
    assert result.validation["ndcg@10"] >= max(row["val/ndcg@10"] for row in result.history)


@pytest.mark.parametrize("words", [(), ("initializer=mf", "factorization=als")], ids=" ".join)
def test_a_log_without_items_is_refused_in_a_sentence(words, tmp_path):
    rows = [f"{number % 7},{number % 2},{number % 3}" for number in range(100)]
    (tmp_path / "clicks.csv").write_text("\n".join(["who,clicked,hour", *rows]) + "\n")
    answer = cadc(
        "train",
        "model=two_tower",
        "data=table",
        f"data.path={tmp_path / 'clicks.csv'}",
        "data.user=who",
        "data.label=clicked",
        "data.context_fields=[hour]",
        *words,
    )
    assert answer.status != 0
    # Whatever a factorisation would say of the same log.
    assert "this log lacks item" in answer.sentence and "model=dlrm" in answer.sentence
