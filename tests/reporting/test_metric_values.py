"""Metrics that records lack are computed from the scores and ranks that runs saved."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss

from cadc.errors import CadcError
from cadc.ledger import Ledger
from cadc.provenance.fingerprint import file_hash
from cadc.reporting.metric_values import FILE, MetricValues, kept_metrics
from cadc.reporting.saved import SavedRows
from cadc.reporting.table import build_table, write_table
from cadc.reporting.written.markdown import markdown_table
from tests.reporting.made_up import record
from tests.reporting.scored_table import test_rows


@pytest.fixture
def run(tmp_path):
    """Return a function that saves the rows of a made-up run in a ledger, and gives its arm and record."""

    def save(seed, rows, *words, task="ctr", **parts):
        path = tmp_path / "runs" / f"run{seed}"
        path.mkdir(parents=True)
        file = path / ("ranks.parquet" if task == "ranking" else "scores.parquet")
        rows.to_parquet(file)
        made = record(f"seed={seed}", *words, task=task, **parts)
        return "arm", made | {"id": path.name, "files": {file.name: file_hash(file)}}

    return save


@pytest.fixture
def values(tmp_path):
    return MetricValues(SavedRows(Ledger(tmp_path / "runs")))


def test_metrics_that_records_lack_are_those_of_the_saved_scores(run, values):
    scored = [test_rows(seed, 0.5) for seed in range(3)]
    table = build_table([run(n, rows) for n, rows in enumerate(scored)], ["auc", "brier"], ["pr_auc"], values)
    expected = [brier_score_loss(rows["label"], rows["probability"]) for rows in scored]
    assert table["brier_mean"].item() == pytest.approx(np.mean(expected), abs=1e-6)
    assert table["brier_std"].item() == pytest.approx(np.std(expected, ddof=1), abs=1e-6)
    precision = [average_precision_score(rows["label"], rows["probability"]) for rows in scored]
    assert table["pr_auc_mean"].item() == pytest.approx(np.mean(precision), abs=1e-6)
    assert table["auc_mean"].item() == 0.75, "what is recorded is not computed anew"
    assert not values.notes


def test_metrics_of_other_cutoffs_are_those_of_the_saved_ranks(run, values):
    ranks = pd.DataFrame({"user": ["a", "b", "c", "d"], "item": [1, 2, 3, 4], "rank": [1.0, 3.0, 4.0, np.inf]})
    runs = [run(0, ranks, "model=two_tower", task="ranking", metrics={"hr@10": 0.75, "ndcg@10": 0.5})]
    table = build_table(runs, ["hr@3", "mrr@3"], [], values)
    assert table["hr@3_mean"].item() == 0.5
    assert table["mrr@3_mean"].item() == pytest.approx((1 + 1 / 3) / 4, abs=1e-6)


def test_a_run_evaluated_on_validation_has_the_metrics_of_validation(run, values):
    rows = test_rows(0, 0.5)
    arm, only = run(0, rows, "evaluate=validation")
    only["metrics"] = {"val/auc": 0.7, "val/logloss": 0.6}
    table = build_table([(arm, only)], ["brier", "val/brier"], [], values)
    expected = pytest.approx(brier_score_loss(rows["label"], rows["probability"]), abs=1e-6)
    assert (table["brier_mean"].item(), table["val/brier_mean"].item()) == (expected, expected)


def test_what_cannot_be_computed_is_an_empty_cell_and_a_note_that_says_why(run, values, tmp_path):
    kept = [run(n, test_rows(n, 0.5).drop(columns="user")) for n in range(2)]
    gone = [("other", record("seed=7", "sampler.rate=0.1") | {"id": name}) for name in ("gone1", "gone2")]
    table = build_table([*kept, *gone], ["auc", "brier", "gauc", "val/pr_auc"], [], values)
    assert table["brier_mean"].notna().tolist() == [True, False]
    assert table[["gauc_mean", "val/pr_auc_mean"]].isna().all(axis=None)
    (brier,), gauc, (validation,) = (
        [line for line in table.attrs["note"].splitlines() if line.startswith(f"{name} ")]
        for name in ("brier", "gauc", "val/pr_auc")
    )
    assert all(part in brier for part in ("2 runs", "gone1", "scores.parquet is not in the ledger"))
    assert any("run0" in line and "no column user" in line for line in gauc)
    assert any("gone1" in line and "not in the ledger" in line for line in gauc)
    assert all(part in validation for part in ("4 runs", "test part, not validation"))
    write_table(table, tmp_path)
    assert brier in (tmp_path / "table.md").read_text()
    assert "nan" not in markdown_table(table).lower()


def test_an_undefined_metric_is_a_note(run, values):
    table = build_table([run(0, test_rows(0, 0.5).assign(label=0.0))], ["pr_auc"], [], values)
    assert table["pr_auc_mean"].isna().all()
    assert "pr_auc" in table.attrs["note"]
    assert "none of 400 labels is 1" in table.attrs["note"]


def test_computed_metrics_are_kept_for_when_the_scores_are_gone(run, values, tmp_path):
    runs = [run(n, test_rows(n, 0.5)) for n in range(2)]
    table = build_table(runs, ["auc", "brier"], [], values)
    values.frame().to_csv(tmp_path / FILE, index=False)
    again = build_table(runs, ["auc", "brier"], [], MetricValues(kept=kept_metrics([tmp_path / "none", tmp_path])))
    assert markdown_table(again) == markdown_table(table)
    (tmp_path / FILE).write_text("run,metric\n")
    assert kept_metrics([tmp_path]) == {}
    (tmp_path / FILE).write_text("run,metric,value\nrun0,brier,much\n")
    with pytest.raises(CadcError, match=rf"{FILE} .*not numbers"):
        kept_metrics([tmp_path])


def test_a_metric_of_the_other_task_needs_no_note(run, values):
    ranks = pd.DataFrame({"user": ["a"], "item": [1], "rank": [2.0]})
    ranked = run(0, ranks, "model=two_tower", task="ranking", metrics={"hr@10": 1.0, "ndcg@10": 0.6})
    table = build_table([run(1, test_rows(0, 0.5)), ranked], ["brier", "hr@2"], [], values)
    assert table["brier_mean"].notna().tolist() == [True, False]
    assert table["hr@2_mean"].notna().tolist() == [False, True]
    assert not values.notes


def test_scores_that_are_not_those_of_the_record_are_refused(run, values, tmp_path):
    one = run(0, test_rows(0, 0.5))
    test_rows(1, 0.5).to_parquet(tmp_path / "runs" / "run0" / "scores.parquet")
    with pytest.raises(CadcError, match=r"run0.scores\.parquet cannot be read"):
        build_table([one], ["brier"], [], values)
