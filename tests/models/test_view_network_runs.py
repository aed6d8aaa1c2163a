"""Runs of networks on views: how they go on after a stop, and that a saved model scores and is exported."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from cadc.ledger import Ledger
from cadc.serving.load import load_run
from cadc.storage.run_files import CURVES, MODEL
from cadc.training.fit_state import FitState
from tests.support.commands import TINY, cadc, folders, train

VIEWS = ("views=[factorization,item_neighbours]", "factorization_rows=complement", "sampler.rate=0.5")
NETWORKS = ("view_network", "dlrm")


@pytest.fixture(scope="module", params=NETWORKS)
def finished(request, session_cache, tmp_path_factory):
    """Folder of a finished run."""
    with folders(session_cache, tmp_path_factory.mktemp(request.param) / "runs"):
        yield train(*TINY, f"model={request.param}", "model.dropout=0.2", *VIEWS)


def test_one_artefact_scores_as_the_run_did(finished):
    table = pd.read_parquet(finished / "scores.parquet")
    record, log, model = load_run(Ledger(finished.parent), finished.name)
    with torch.no_grad():
        logits = model.eval()(log.gather(log.rows("test")))
    np.testing.assert_allclose(logits.double().sigmoid(), table["probability"], atol=1e-6)
    weights = sum(own.nbytes for own in model.parameters())
    assert record["bytes"]["model"] > weights + sum(own.nbytes for own in model.view_base.stack.views.buffers())


def test_new_rows_are_scored_and_the_model_exported(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_RUNS", str(finished.parent))
    _, log, _ = load_run(Ledger(), finished.name)
    users, items = log.entity_keys("user")[:4], log.entity_keys("item")[:4]
    new = pd.DataFrame({"user": [*users[:3], "never seen"], "item": items, "hour": 1, "recency": 0.5})
    new.to_csv(tmp_path / "new.csv", index=False)
    answer = cadc("predict", finished.name, tmp_path / "new.csv", "--output", tmp_path / "scored.csv")
    assert answer.status == 0, answer.err
    assert pd.read_csv(tmp_path / "scored.csv")["probability"].between(0, 1, inclusive="neither").all()
    answer = cadc("export", finished.name, "--output", tmp_path / "out")
    assert answer.status == 0, answer.err


@pytest.mark.parametrize("network", NETWORKS)
def test_a_run_that_is_broken_off_ends_bit_equal(network, session_cache, tmp_path, monkeypatch):
    asked = (*TINY, f"model={network}", "model.dropout=0.2", *VIEWS, "trainer.checkpoint_minutes=0")
    with folders(session_cache, tmp_path / "plain"):
        plain = train(*asked)
    step, left = FitState.step, iter(range(7))

    def dying(state, batch, portion=None):
        if next(left, None) is None:
            raise KeyboardInterrupt
        step(state, batch, portion)

    with folders(session_cache, tmp_path / "broken"):
        with monkeypatch.context() as patch:
            patch.setattr(FitState, "step", dying)
            assert cadc("train", *asked).status != 0
        (kept,) = (tmp_path / "broken").rglob("*.ckpt")
        assert not [name for name in torch.load(kept, weights_only=True)["weights"] if ".views." in name]
        resumed = train(*asked)
    for name in (MODEL, CURVES, "scores.parquet"):
        assert (resumed / name).read_bytes() == (plain / name).read_bytes(), name


def test_a_residual_beside_views_is_refused_before_anything_is_fitted():
    answer = cadc("train", *TINY, "model=dlrm", "model.residual=true", *VIEWS, "factorization=logistic")
    assert answer.status != 0
    assert "views" in answer.sentence
    assert "model.residual=false" in answer.sentence


def test_without_a_useful_epoch_the_run_is_the_stack(session_cache, tmp_path):
    with folders(session_cache, tmp_path):
        stack = train(*TINY, "model=stack", *VIEWS)
        network = train(*TINY, "model=view_network", *VIEWS, "trainer.learning_rate=1e-30")
    found, expected = (json.loads((folder / "record.json").read_text()) for folder in (network, stack))
    assert found["metrics"]["test/auc"] == pytest.approx(expected["metrics"]["test/auc"], abs=1e-6)
