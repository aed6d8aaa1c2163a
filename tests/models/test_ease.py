"""EASE as a model: which items it reads, what it saves, how it scores and ranks, and what it refuses."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from cadc.data.schema import Field, Schema
from cadc.errors import UsageError
from cadc.evaluation.ranking import rows_before
from cadc.evaluation.tasks import HeldOutRanks
from cadc.ledger import Ledger
from cadc.models import EASE, ease
from cadc.serving.load import load_run
from cadc.testing import check_model
from cadc.views.user_rows import taken_items
from tests.support.commands import TINY, cadc, folders, train
from tests.views.items.test_ease_weights import naive_weights

L2 = 20.0


def dense_of(log, rows):
    """1 for each user and item of the rows with label 1, by a loop."""
    found = np.zeros((log.schema["user"].vocabulary_size, log.schema["item"].vocabulary_size), np.float32)
    ids = (log.field_ids(side, rows).tolist() for side in ("user", "item"))
    for user, item, label in zip(*ids, log.labels(rows).tolist(), strict=True):
        if label == 1:
            found[user, item] = 1
    return found


def fitted(log, rows, **options):
    model = EASE(log.schema, l2=L2, **options)
    model.begin(log, rows)
    model.fit_sample(log, rows)
    return model.eval()


def naive_scores(log, rows, top_k=None):
    history = dense_of(log, rows)
    weights = naive_weights(history, L2)
    if top_k is not None:
        for column in weights.T:
            column[np.argsort(-np.abs(column))[top_k:]] = 0
    return history @ weights


@pytest.mark.parametrize("top_k", [None, 5, 10_000])
def test_scores_are_those_of_a_naive_model_of_the_sampled_rows(log, top_k):
    rows = log.rows("train")[::2]
    model, expected = fitted(log, rows, top_k=top_k), naive_scores(log, rows, top_k)
    batch = log.gather(log.rows("test"))
    users, items = (log.field_ids(side, log.rows("test")).numpy() for side in ("user", "item"))
    np.testing.assert_allclose(model(batch).numpy(), expected[users, items], atol=1e-5)
    asked, candidates = torch.arange(1, 40), torch.arange(2, 30)
    scores = model.item_scorer(log.items(candidates))(log.users(asked)).numpy()
    of_users, of_items = (log.entities[side].ids[:, 0].numpy() for side in ("user", "item"))
    np.testing.assert_allclose(scores, expected[of_users[asked]][:, of_items[candidates]], atol=1e-5)


def test_known_items_count_less_the_earlier_they_were_taken(log):
    sample, known = log.rows("train")[::2], rows_before(log, "test")
    model = EASE(log.schema, l2=L2, history="known", decay=0.5)
    model.begin(log, sample)
    model.fit_sample(log, sample)
    model.remember(log, known)
    weights = naive_weights(dense_of(log, sample), L2)
    first, items = taken_items(log, known)
    for user in range(1, 20):
        own = reversed(items[first[user] : first[user + 1]].tolist())
        expected = sum((0.5**step * weights[item] for step, item in enumerate(own)), np.zeros(len(weights)))
        users = log.users((log.entities["user"].ids[:, 0] == user).nonzero()[:, 0])
        scores = model.item_scorer(log.items(torch.arange(1, 30)))(users).numpy()
        np.testing.assert_allclose(scores[0], expected[log.entities["item"].ids[1:30, 0].numpy()], atol=1e-5)


def test_rows_are_scored_alike_in_blocks_of_users(log, monkeypatch):
    model, batch = fitted(log, log.rows("train")), log.gather(log.rows("test"))
    expected = model(batch)
    monkeypatch.setattr(ease, "N_SCORES", 1)
    assert torch.equal(model(batch), expected)


@pytest.mark.parametrize("options", [{"top_k": 7}, {"history": "known", "decay": 0.9}])
def test_contract_is_kept(options):
    check_model(EASE, **options)


def test_weights_of_rows_are_refused(log):
    model = EASE(log.schema)
    with pytest.raises(UsageError, match=r"counts all rows alike.*sampler=uniform"):
        model.fit_sample(log, log.rows("train"), weights=torch.ones(log.n_rows("train")))


def test_many_items_ask_for_the_largest_weights():
    schema = Schema((Field("user", "user", 10), Field("item", "item", 40_982)))
    with pytest.raises(UsageError, match=r"40982 items of this log take 6\.7 GB.*at most 20000.*top_k=1000"):
        EASE(schema)
    assert len(EASE(schema, top_k=1).weights) == 40_982


def test_a_log_without_users_is_refused():
    with pytest.raises(UsageError, match=r"model=ease needs .* lacks user"):
        EASE.require_fields(Schema((Field("item", "item", 3),)))


@pytest.mark.parametrize("option", ["l2=0", "top_k=0", "decay=0"])
def test_options_out_of_range_are_refused(option, tmp_path, session_cache):
    with folders(session_cache, tmp_path / "runs"):
        answer = cadc("train", *TINY, "model=ease", f"model.{option}")
    assert answer.status == 2
    assert f"model.{option.split('=')[0]} is" in answer.err


@pytest.mark.parametrize(("words", "splits"), [((), ["train", "validation"]), (("evaluate=validation",), ["train"])])
def test_a_run_is_judged_and_serves_with_the_items_known_before_the_part(words, splits, tmp_path, session_cache):
    with folders(session_cache, tmp_path / "runs"):
        folder = train(*TINY, "data/split=leave_one_out", "model=ease", "model.decay=0.9", *words)
        _, log, model = load_run(Ledger(folder.parent), folder.name)
    first, items = taken_items(log, torch.cat([log.rows(split) for split in splits]))
    assert torch.equal(model.history_first, first)
    assert torch.equal(model.history_items, items)
    ranks = HeldOutRanks(log, "validation" if words else "test").table(model)
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "ranks.parquet")[list(ranks)], ranks)


@pytest.mark.parametrize("words", [(), ("model.top_k=20", "sampler.rate=0.5")])
def test_a_run_ranks_saves_what_serves_and_scores_new_rows(words, tmp_path, session_cache):
    with folders(session_cache, tmp_path / "runs"):
        folder = train(*TINY, "data/split=leave_one_out", "model=ease", *words)
        record, log, model = load_run(Ledger(folder.parent), folder.name)
        new = tmp_path / "new.csv"
        users, items = log.entity_keys("user")[:4], log.entity_keys("item")[:4]
        pd.DataFrame({"user": users, "item": items, "hour": 1, "recency": 0.5}).to_csv(new, index=False)
        answer = cadc("predict", folder.name, str(new), "--output", str(tmp_path / "scored.csv"))
        assert answer.status == 0, answer.err
    assert record["task"] == "ranking"
    assert record["uses"] == ["model", "sampler"]
    assert record["rows"]["kept"] == round(record["rows"]["full"] * (0.5 if words else 1))
    served = sum(own.numel() * own.element_size() for own in model.state_dict().values())
    assert served <= record["bytes"]["embedding"] == (folder / "model.safetensors").stat().st_size
    assert record["cost"]["train_s"] > 0
    of_log = log.join(
        {side: torch.arange(1, 5, dtype=torch.int32) for side in ("user", "item")},
        torch.zeros(4, len(log.schema.of("context", bag=False)), dtype=torch.int32),
        torch.zeros(4, len(log.schema.dense)),
        torch.zeros(4),
    )
    np.testing.assert_allclose(pd.read_csv(tmp_path / "scored.csv")["score"], model(of_log).numpy(), rtol=1e-6)
    assert json.loads((folder / "record.json").read_text())["metrics"]["test/ndcg@20"] > 0
