"""`cadc.run` and the `Run` that it returns."""

import logging
import os
import signal
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

import cadc
from cadc.cli import main
from cadc.ledger.store import Ledger
from cadc.pipeline import run as pipeline_run
from tests.api.conftest import SMALL

RATE = "sampler.rate=0.1"


@pytest.fixture
def finished(folder, swept):
    return cadc.run(*SMALL, RATE, runs=folder)


def test_a_run_that_is_finished_is_returned_from_the_ledger(folder, swept, monkeypatch):
    monkeypatch.setattr(pipeline_run, "open_log", lambda *_: pytest.fail("it was carried out again"))
    found = cadc.run(*SMALL, RATE, "seed=1", runs=folder)
    assert found.id in set(swept["id"])
    assert found.config["seed"] == 1


def test_it_is_the_run_of_the_command_line(finished, folder, monkeypatch, capsys):
    monkeypatch.setenv("CADC_RUNS", str(folder))
    assert main(["train", *SMALL, RATE]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(finished.path / "record.json")


def test_metrics_scores_and_record_agree(finished):
    scores = finished.scores
    assert {"row", "user", "item", "label", "probability"} <= {*scores}
    assert finished.metrics["test/auc"] == pytest.approx(roc_auc_score(scores["label"], scores["probability"]))
    assert finished.record["metrics"] == finished.metrics
    assert finished.path.name == finished.id == finished.record["id"]


def test_the_history_has_a_line_an_epoch(finished):
    assert list(finished.history["epoch"]) == [1, 2]
    assert {"train/loss", "val/auc", "val/logloss"} <= {*finished.history}


def test_what_is_not_trained_has_an_empty_history(folder):
    assert cadc.run(*SMALL[:2], "model=bias", runs=folder).history.empty


def test_the_model_scores_new_rows_as_the_run_scored_its_test_rows(finished):
    log = finished.log
    rows = log.rows("test")[:50].numpy()
    new = pd.DataFrame(
        {
            "user": log.entity_keys("user")[log.column("user")[rows] - 1],
            "item": log.entity_keys("item")[log.column("item")[rows] - 1],
            "hour": log.vocabulary("hour")[log.column("context_ids")[rows, 0] - 1],
            "recency": log.column("dense")[rows, 0],
        }
    )
    scored = finished.predict(new)
    assert list(scored) == [*new, "probability"] and "probability" not in new
    by_row = finished.scores.set_index("row")["probability"]
    np.testing.assert_allclose(scored["probability"], by_row[log.column("row")[rows]], atol=1e-6)
    assert not finished.model.training


def test_a_frame_without_a_column_is_told_so(finished):
    with pytest.raises(cadc.CadcError, match="user"):
        finished.predict(pd.DataFrame({"item": [1]}))


def test_it_shows_itself_as_a_line_and_in_a_notebook_as_a_table(finished):
    text, table = repr(finished), finished._repr_html_()
    for part in (finished.id, "sampler.rate", "0.1", "test/auc", f"{finished.metrics['test/auc']:.4f}"):
        assert part in text and part in table
    assert "\n" not in text
    assert table.startswith("<table>") and table.count("<tr>") == table.count("</tr>")


def test_any_metric_is_computed_from_the_scores(finished):
    assert finished.metric("auc") == finished.metrics["test/auc"]
    errors = finished.scores["label"] - finished.scores["probability"]
    assert finished.metric("brier") == pytest.approx((errors**2).mean(), abs=1e-9)
    with pytest.raises(cadc.CadcError, match=r"hr@10 .*rank"):
        finished.metric("hr@10")
    with pytest.raises(cadc.UsageError, match="accuracy"):
        finished.metric("accuracy")


def test_a_run_is_found_by_the_beginning_of_its_id(finished, folder):
    assert cadc.Run(finished.id[:10], folder).metrics == finished.metrics
    with pytest.raises(cadc.UsageError, match="no id starts with it"):
        cadc.Run("nothing", folder)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("sampler.rat=0.1", "sampler.rate"),
        ("sampler.rate=0.1,0.2", "cadc.sweep"),
        ("sampler=unifrm", "uniform"),
        (0.1, "0.1"),
    ],
)
def test_a_wrong_override_raises_one_sentence_and_starts_nothing(override, said, tmp_path):
    with pytest.raises(cadc.UsageError) as raised:
        cadc.run("data=synthetic", override, runs=tmp_path / "runs")
    assert said in str(raised.value) and "\n" not in str(raised.value)
    assert not (tmp_path / "runs").exists()


def test_a_run_prints_nothing_and_reports_on_standard_error(tmp_path, capsys):
    cadc.run(*SMALL[:2], "model=label_mean", runs=tmp_path / "runs")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "test/auc" in shown.err


def test_the_process_is_left_as_the_caller_had_it(tmp_path):
    lightning, before = logging.getLogger("pytorch_lightning"), list(warnings.filters)
    lightning.setLevel(logging.INFO)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    cadc.run(*SMALL, RATE, "threads=1", runs=tmp_path / "runs")
    assert torch.equal(torch.rand(1), expected)
    assert lightning.level == logging.INFO
    assert warnings.filters == before


FAILING = ("data=synthetic", "data.n_rows=3000", "embedding.dim=4", "trainer.learning_rate=1e30")


def test_a_failed_run_raises_its_reason_and_is_tried_again_only_if_asked(tmp_path):
    with pytest.raises(cadc.CadcError) as first:
        cadc.run(*FAILING, runs=tmp_path / "runs")
    with pytest.raises(cadc.CadcError, match="retry_failed=True"):
        cadc.run(*FAILING, runs=tmp_path / "runs")
    with pytest.raises(cadc.CadcError) as again:
        cadc.run(*FAILING, retry_failed=True, runs=tmp_path / "runs")
    assert str(first.value) == str(again.value)


@pytest.mark.usefixtures("_heeds_ctrl_c")
def test_ctrl_c_leaves_a_run_that_the_same_call_goes_on_with(tmp_path, monkeypatch, finished):
    runs = tmp_path / "runs"
    evaluate = pipeline_run.evaluate

    def interrupted(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        return evaluate(*arguments)

    monkeypatch.setattr(pipeline_run, "evaluate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cadc.run(*SMALL, RATE, runs=runs)
    assert Ledger(runs).statuses() == {finished.id: "interrupted"}
    monkeypatch.setattr(pipeline_run, "evaluate", evaluate)
    assert cadc.run(*SMALL, RATE, runs=runs).metrics == finished.metrics
