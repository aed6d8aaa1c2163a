"""`cadc.sweep` and `cadc.runs`: runs as data frames."""

import pandas as pd
import pytest

import cadc
from tests.api.conftest import SMALL


def test_a_sweep_has_a_row_for_each_combination(swept, folder):
    assert list(zip(swept["sampler.rate"], swept["seed"], strict=True)) == [(0.1, 0), (0.1, 1), (1.0, 0), (1.0, 1)]
    assert set(swept["status"]) == {"finished"}
    assert swept["id"].is_unique
    for row in swept.to_dict("records"):
        run = cadc.Run(row["id"], folder)
        assert row["test/auc"] == run.metrics["test/auc"]
        assert row["seconds"] == run.seconds
        assert row["bytes"] == run.record["bytes"]["embedding"] > 0
        assert not row["reason"]


def test_a_failing_run_is_a_row_with_its_reason(tmp_path):
    table = cadc.sweep(
        *SMALL[:2], "embedding.dim=4", "trainer.max_epochs=1", "trainer.learning_rate=1e-3,1e30", runs=tmp_path
    )
    assert list(table["status"]) == ["finished", "failed"]
    assert table["test/auc"].notna().tolist() == [True, False]
    assert "learning_rate" in table["reason"][1] and not table["reason"][0]


def test_a_sweep_of_a_single_run_that_fails_is_a_row_too(tmp_path):
    table = cadc.sweep(*SMALL, "trainer.learning_rate=1e30", runs=tmp_path)
    assert list(table["status"]) == ["failed"]


def test_runs_that_differ_in_keys_they_do_not_use_are_one_row(tmp_path):
    table = cadc.sweep(*SMALL[:2], "model=bias", "sampler.rate=0.1,1", runs=tmp_path)
    assert len(table) == 1
    assert pd.isna(table["sampler.rate"][0])


def test_a_wrong_value_is_told_before_anything_runs(tmp_path):
    with pytest.raises(cadc.UsageError, match="unifrm"):
        cadc.sweep("data=synthetic", "sampler=uniform,unifrm", runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_the_ledger_is_a_frame_that_takes_the_filters_of_the_command_line(folder, swept):
    everything = cadc.runs(runs=folder)
    assert {*swept["id"]} <= {*everything["id"]}
    assert everything["finished_at"].is_monotonic_increasing
    assert set(everything["data"]) == {"synthetic"}
    few = cadc.runs("finished", "sampler.rate=0.1", runs=folder)
    assert {*few["id"]} == {*swept.loc[swept["sampler.rate"] == 0.1, "id"]}
    with pytest.raises(cadc.UsageError, match=r"sampler\.rate"):
        cadc.runs("sampler.rat=0.1", runs=folder)


def test_a_ledger_without_runs_is_an_empty_frame(tmp_path):
    table = cadc.runs(runs=tmp_path)
    assert table.empty and {"id", "status", "seconds"} <= {*table}


def test_a_damaged_record_is_a_row_that_says_so(tmp_path):
    run = cadc.run(*SMALL[:2], "model=label_mean", runs=tmp_path)
    (run.path / "record.json").write_text("{")
    (row,) = cadc.runs(runs=tmp_path).to_dict("records")
    assert row["status"] == "damaged" and "record" in row["reason"]
