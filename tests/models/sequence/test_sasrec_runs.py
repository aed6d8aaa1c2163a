"""Runs of SASRec: how they go on after a stop, what they save, and that a saved model scores and is exported."""

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from cadc.data.prepare import prepare
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split.leave_one_out import LeaveOneOutSplit
from cadc.evaluation.tasks import HeldOutRanks
from cadc.ledger import Ledger
from cadc.models import SASRec
from cadc.serving.load import load_run
from cadc.training.fit import Fit
from tests.models.sequence.sequences import model_of
from tests.support.commands import TINY, cadc, folders, train

SMALL = ("data/split=leave_one_out", "model=sasrec", "model.length=10", "model.hidden=8", "trainer=ranking")


@pytest.fixture(scope="module")
def finished(session_cache, tmp_path_factory):
    """Folder of a finished run whose item vectors start from factors."""
    with folders(session_cache, tmp_path_factory.mktemp("sasrec") / "runs"):
        words = ("sampler=users", "sampler.rate=0.5", "initializer=mf", "initializer.freeze=true")
        yield train(*TINY, *SMALL, *words, "factorization_rows=complement")


def test_a_loaded_model_ranks_as_the_run_did_with_what_was_known_at_the_test(finished):
    table = pd.read_parquet(finished / "ranks.parquet")
    record, log, model = load_run(Ledger(finished.parent), finished.name)
    assert record["task"] == "ranking"
    model.remember(log, torch.cat([log.rows("train"), log.rows("validation")]))
    np.testing.assert_array_equal(HeldOutRanks(log, "test").ranks(model), table["rank"])
    assert record["bytes"]["embedding"] >= 4 * 16 * log.schema["item"].vocabulary_size


def test_new_rows_are_scored_and_tables_exported(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_RUNS", str(finished.parent))
    _, log, _ = load_run(Ledger(), finished.name)
    users, items = log.entity_keys("user")[:4], log.entity_keys("item")[:4]
    pd.DataFrame({"user": users, "item": items, "hour": 1, "recency": 0.5}).to_csv(tmp_path / "new.csv", index=False)
    answer = cadc("predict", finished.name, tmp_path / "new.csv", "--output", tmp_path / "scored.csv")
    assert answer.status == 0, answer.err
    assert np.isfinite(pd.read_csv(tmp_path / "scored.csv")["score"]).all()
    answer = cadc("export", finished.name, "--output", tmp_path / "out")
    assert answer.status == 0, answer.err
    tables = load_file(tmp_path / "out" / "tables.safetensors")
    assert {name: len(table) for name, table in tables.items()} == {"item": log.schema["item"].vocabulary_size}


@pytest.fixture(scope="module")
def log(session_cache):
    with folders(session_cache, session_cache):
        return prepare(Synthetic(n_rows=3000, n_users=60, n_items=80), LeaveOneOutSplit())


class Killed(Exception):
    """Stands for whatever ends a process."""


def test_a_fit_that_is_broken_off_within_an_epoch_ends_bit_equal(log, tmp_path, monkeypatch):
    def fit(checkpoints=None):
        torch.manual_seed(1)
        model = model_of(log, dropout=0.2, layers=1)
        fitting = Fit(max_epochs=3, batch_size=300, checkpoint_minutes=0.0)
        shuffle = torch.Generator().manual_seed(3)
        result = fitting(model, log, log.rows("train"), shuffle, checkpoints, task="ranking")
        return model.state_dict(), result

    plain, left = SASRec.loss, iter(range(12))

    def dying(model, batch):
        if next(left, None) is None:
            raise Killed
        return plain(model, batch)

    weights, result = fit()
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(SASRec, "loss", dying)
        fit(tmp_path)
    resumed, same = fit(tmp_path)
    assert same.history == result.history
    assert all(torch.equal(resumed[name], value) for name, value in weights.items())
