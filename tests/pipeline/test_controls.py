"""Models that are not trained: factorisation, biases and oracle go through the same pipeline and ledger."""

import json

import pandas as pd
import pytest

from cadc.execution.jobs import plan
from cadc.ledger import Ledger, load
from cadc.pipeline.build import draw_sample, factorize_log, make_model, open_log
from cadc.pipeline.settings import Settings
from tests.support.commands import TINY, cadc, folders, train

CONTROLS = ("oracle", "bias", "factorization")


@pytest.fixture(scope="module")
def ledger(session_cache, tmp_path_factory):
    """Ledger of one run of each control, and two networks."""
    folder = tmp_path_factory.mktemp("controls") / "runs"
    with folders(session_cache, folder):
        answer = cadc("train", "-m", *TINY, f"model={','.join(CONTROLS)}")
        assert answer.status == 0, answer.err
        train("initializer=random")
        train("initializer=mf")
    return Ledger(folder)


@pytest.fixture(scope="module")
def records(ledger):
    """The controls' records by model."""
    found = {record["config"]["choices"]["model"]: record for record in ledger}
    return {model: found[model] for model in CONTROLS}


@pytest.mark.parametrize("model", CONTROLS)
def test_what_does_not_apply_stays_empty(records, model):
    record = records[model]
    assert record["rows"] == {
        "kept": None,
        "full": 2400,
        "factorized": None if model == "oracle" else 2400,
        "validation": None if model == "oracle" else 300,
    }
    assert record["bytes"]["optimizer"] is None
    assert record["cost"]["train_s"] < 0.01
    assert record["cost"]["epochs"] == 0
    assert record["cost"]["examples_per_s"] is None
    names = ("auc", "logloss", "ece", "gauc")
    assert set(record["metrics"]) == {f"{part}/{name}" for part in ("test", "val") for name in names}


@pytest.mark.parametrize(("model", "dim"), [("oracle", None), ("bias", 0), ("factorization", 16)])
def test_only_those_that_read_factors_pay_for_them(records, model, dim):
    assert records[model]["factor_dim"] == dim
    assert (records[model]["cost"]["factorize_s"] > 0) == (dim is not None)


@pytest.mark.parametrize("model", CONTROLS)
@pytest.mark.parametrize("word", ["sampler.rate=0.1", "trainer.patience=9", "initializer=mf"])
def test_options_that_a_control_does_not_use_leave_its_id(records, model, word):
    (job,) = plan([[*TINY, f"model={model}", word]])
    assert job.run_id == records[model]["id"]


@pytest.mark.parametrize("model", CONTROLS)
def test_the_seed_moves_only_the_control_that_draws_vectors(records, model):
    moved, apart = plan([[*TINY, f"model={model}", "seed=3", *words] for words in ([], ["factorization.seed=0"])])
    assert (moved.run_id == records[model]["id"]) == (model != "factorization")
    assert apart.run_id == records[model]["id"]


def test_options_that_a_control_uses_change_its_id(records):
    words = ["factorization.l2=1", "factorization.seed=1", "data.seed=1", "data.split_seed=1"]
    ids = {job.run_id for job in plan([[*TINY, "model=factorization", word] for word in words])}
    assert len(ids) == len(words)
    assert records["factorization"]["id"] not in ids


def test_a_control_is_run_once_for_all_seeds_and_rates():
    answer = cadc("train", "-m", *TINY, "model=bias", "seed=0,1,2", "sampler.rate=0.1,1")
    assert answer.status == 0
    assert len(answer.records) == 1  # named once
    assert len(load()) == 1


def test_nothing_beats_the_oracle(ledger):
    frame = ledger.frame().set_index("config.choices.model")
    assert len(frame) == 5
    oracle = frame.loc["oracle"]
    for metric, sign in (("auc", 1), ("logloss", -1)):
        others = sign * frame.drop(index="oracle")[f"metrics.test/{metric}"]
        assert sign * oracle[f"metrics.test/{metric}"] >= others.max()


def test_the_oracle_scores_rows_by_the_probability_that_made_them(ledger, records):
    scores = pd.read_parquet(ledger.path(records["oracle"]["id"]) / "scores.parquet")
    log = open_log(Settings.compose(TINY))
    assert scores["probability"].to_numpy() == pytest.approx(log.column("oracle", "test"), abs=1e-6)


def test_an_oracle_of_real_data_is_a_sentence(small_movielens, monkeypatch):
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    answer = cadc("train", "data=ml-1m", "model=oracle")
    assert answer.status != 0
    assert "model=oracle" in answer.err and "true probabilities" in answer.err
    assert len(answer.err.splitlines()) == 1
    assert list(Ledger().statuses().values()) == ["failed"]


def test_a_control_is_found_under_its_id(ledger, records):
    for model in CONTROLS:
        path = ledger.path(records[model]["id"]) / "record.json"
        assert json.loads(path.read_text())["config"]["choices"]["model"] == model


@pytest.mark.parametrize("model", ["bias", "factorization"])
def test_weights_lie_under_the_same_names_each_time_so_that_saved_ones_fit(model):
    settings = Settings.compose([*TINY, f"model={model}"])
    log = open_log(settings)
    sample = draw_sample(settings, log)
    shapes = {
        str([(name, value.shape) for name, value in make_model(settings, log, fitted, sample).state_dict().items()])
        for fitted in (factorize_log(settings, log, sample) for _ in range(16))
    }
    assert len(shapes) == 1


@pytest.mark.parametrize("words", [("model=label_mean",), ("model=platt", "factorization_rows=complement")])
def test_controls_that_are_fitted_on_the_sample_are_runs_of_it(words):
    record = Ledger().record(train(*words, "sampler.rate=0.1").name)
    assert record["rows"]["kept"] == 240
    assert record["cost"]["epochs"] == 0
    assert record["cost"]["train_s"] > 0
    jobs = plan(
        [[*TINY, *words, "sampler.rate=0.1", word] for word in ("seed=1", "sampler.rate=0.2", "trainer.patience=9")]
    )
    ids = [job.run_id for job in jobs]
    assert record["id"] not in ids[:2]
    assert record["id"] == ids[2]


def test_label_mean_scores_all_rows_alike():
    folder = train("model=label_mean")
    scores = pd.read_parquet(folder / "scores.parquet")
    assert (scores["probability"] == scores["probability"][0]).all()
    assert json.loads((folder / "record.json").read_text())["metrics"]["test/auc"] == 0.5
