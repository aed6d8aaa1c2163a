"""Runs of matrix factorisation and LightGCN: compressed, stopped and resumed, served, and in streams."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from cadc.ledger import Ledger
from cadc.pipeline.evaluate import score
from cadc.serving.load import load_run
from cadc.training.fit import Fit
from tests.models.dot_product.dot_products import model_of
from tests.models.dot_product.test_matrix_factorization import MODELS
from tests.support.commands import TINY, cadc, folders, train

MODEL = {"mf": "model=matrix_factorization", "lightgcn": "model=lightgcn"}
RANKING = ("data/split=leave_one_out", "task=ranking", "trainer=ranking")
HASHING = ("embedding=hashing", "embedding.small=0", "embedding.ratio=2")
STREAM = ("data/split=segments", "data.split.n=3", "policy=frequency", "embedding.dim=8", "stream.mean_size=4")


@pytest.fixture
def own_folders(session_cache, tmp_path):
    with folders(session_cache, tmp_path / "runs"):
        yield tmp_path


@pytest.mark.usefixtures("own_folders")
@pytest.mark.parametrize("model", MODEL)
@pytest.mark.parametrize(
    "words",
    [
        (*HASHING, "initializer=mf", "sampler.rate=0.5"),
        ("embedding=tensor_train", "embedding.ratio=1", "initializer.unseen=unknown", "sampler.rate=0.3"),
        (*RANKING, "initializer=mf_bias", "factorization_rows=complement", "sampler=users", "sampler.rate=0.5"),
    ],
    ids=["hashing", "tensor train", "ranking"],
)
def test_tables_of_any_scheme_start_and_sample_serve_with_the_scores_that_they_had(model, words):
    folder = train(MODEL[model], "trainer.max_epochs=1", *words)
    _, log, loaded = load_run(Ledger(folder.parent), folder.name)
    (saved,) = folder.glob("*.parquet")
    task = "ranking" if saved.stem == "ranks" else "ctr"
    column = "rank" if task == "ranking" else "probability"
    assert score(loaded, log, "test", task)[column].tolist() == pd.read_parquet(saved)[column].tolist()


@pytest.mark.usefixtures("own_folders")
def test_rows_of_cross_fitted_tables_train_biases_alone():
    words = ("initializer=mf", "initializer.freeze=true", "factorization_rows=crossfit", "trainer.max_epochs=1")
    folder = train(*RANKING, MODEL["mf"], *words)
    assert json.loads((folder / "record.json").read_text())["cost"]["epochs"] == 1
    answer = cadc("train", *TINY, *RANKING, MODEL["lightgcn"], "model.biases=true", *words)
    assert "a graph joins rows of all folds; set factorization_rows=full" in answer.sentence
    answer = cadc("train", *TINY, *RANKING, MODEL["lightgcn"], *words, "factorization_rows=full")
    assert "LightGCN has no weight to train" in answer.sentence


class Killed(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("cls", MODELS)
def test_a_fit_that_is_broken_off_ends_bit_equal(cls, log, tmp_path):
    def fit(checkpoints=None, tell=None):
        torch.manual_seed(1)
        model = model_of(cls, log)
        fitting = Fit(max_epochs=3, patience=3, batch_size=500, averaging="ema")
        shuffle = torch.Generator().manual_seed(3)
        result = fitting(model, log, log.rows("train"), shuffle, checkpoints, tell, task="ranking")
        return model.state_dict(), result.history

    def kill(history):
        raise Killed

    weights, history = fit()
    with pytest.raises(Killed):
        fit(tmp_path, kill)
    resumed, same = fit(tmp_path)
    assert same == history
    assert all(torch.equal(resumed[name], value) for name, value in weights.items())


def test_exported_vectors_give_the_predictions(own_folders):
    folder = train(MODEL["lightgcn"], "trainer.max_epochs=1", "model.biases=false")
    _, log, model = load_run(Ledger(folder.parent), folder.name)
    for kind in ("safetensors", "parquet"):
        assert cadc("export", folder.name, "--output", own_folders / kind, "--format", kind).status == 0
    vectors = load_file(own_folders / "safetensors" / "vectors.safetensors")
    rows = log.rows("test")[:30]
    ids = {name: log.field_ids(name, rows).long() for name in ("user", "item")}
    product = (vectors["user"][ids["user"]] * vectors["item"][ids["item"]]).sum(1) + model.constant.detach()
    with torch.no_grad():
        torch.testing.assert_close(model(log.gather(rows)), product)
    table = pd.read_parquet(own_folders / "parquet" / "vectors_user.parquet")
    assert np.array_equal(np.stack(table["vector"]), vectors["user"].numpy())


@pytest.mark.usefixtures("own_folders")
@pytest.mark.parametrize("model", MODEL)
@pytest.mark.parametrize("task", ["ctr", "ranking"])
def test_a_stream_meets_its_budget_and_serves_its_last_model(model, task):
    words = ("trainer=ranking",) if task == "ranking" else ()
    folder = train(*STREAM, MODEL[model], f"task={task}", "sampler.rate=0.5", "trainer.max_epochs=1", *words)
    record = json.loads((folder / "record.json").read_text())
    weights = load_file(folder / "model.safetensors")
    last = record["segments"][-1]
    stored = [own for name, own in weights.items() if name.startswith(("embeddings.", "linear_terms."))]
    n_rows = sum(last["entities"].values()) + 2
    assert sum(own.numel() for own in stored if own.dtype == torch.float32) == 4 * n_rows
    _, log, loaded = load_run(Ledger(folder.parent), folder.name)
    (saved,) = folder.glob("*.parquet")
    found, expected = score(loaded, log, "test", task), pd.read_parquet(saved).query("segment == 2")
    column = "rank" if task == "ranking" else "probability"
    assert found[column].tolist() == expected[column].tolist()


@pytest.mark.usefixtures("own_folders")
@pytest.mark.parametrize("carry", ["true", "false"])
def test_the_graph_of_a_segment_holds_the_training_rows_of_all_segments_so_far(carry):
    words = (f"stream.carry={carry}", "trainer.max_epochs=1", "stream.replay=0")
    folder = train(*STREAM, MODEL["lightgcn"], *words)
    _, log, loaded = load_run(Ledger(folder.parent), folder.name)
    earlier = torch.stack(log.earlier_pairs("train"), 1)
    own = torch.stack([log.field_ids(name, log.rows("train")) for name in ("user", "item")], 1)
    expected = {tuple(pair) for pair in torch.cat([earlier, own]).tolist() if all(pair)}
    users = torch.repeat_interleave(loaded.graph.first.diff())
    assert set(zip(users.tolist(), loaded.graph.items.tolist(), strict=True)) == expected


@pytest.mark.usefixtures("own_folders")
@pytest.mark.parametrize("model", MODEL)
def test_a_log_without_items_is_refused_in_a_sentence(model, tmp_path):
    rows = [f"{number % 7},{number % 2},{number % 3}" for number in range(100)]
    Path(tmp_path / "clicks.csv").write_text("\n".join(["who,clicked,hour", *rows]) + "\n")
    columns = ("data.user=who", "data.label=clicked", "data.context_fields=[hour]")
    answer = cadc("train", MODEL[model], "data=table", f"data.path={tmp_path / 'clicks.csv'}", *columns)
    assert answer.status != 0
    assert "this log lacks item" in answer.sentence and "model=dlrm" in answer.sentence
