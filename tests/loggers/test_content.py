"""What loggers show is what the folder of the run holds."""

import json

import pandas as pd
import pytest

from cadc.errors import CadcError
from cadc.loggers.content import curves, results_content, run_content


def record_of(folder):
    return json.loads((folder / "record.json").read_text())


def test_content_of_a_run_is_its_record_and_its_curves(trained):
    content, record = run_content(trained, "study"), record_of(trained)
    assert content["id"] == content["name"] == trained.name
    assert (content["group"], content["job_type"]) == ("study", "train")
    assert content["config"] == record["config"]
    assert content["history"] == pd.read_csv(trained / "metrics.csv").to_dict("records")
    shown = content["summary"]
    assert shown | record["metrics"] == shown
    assert shown["cost/total_s"] == record["cost"]["total_s"]
    assert shown["bytes/embedding"] == record["bytes"]["embedding"]
    assert shown["rows/kept"] == record["rows"]["kept"]


def test_a_control_has_no_curves_and_leaves_out_what_does_not_apply(control):
    content = run_content(control, None)
    assert content["job_type"] == "control"
    assert content["history"] == []
    assert "bytes/optimizer" not in content["summary"]
    assert record_of(control)["bytes"]["optimizer"] is None


def test_lines_of_one_epoch_are_joined_and_empty_cells_left_out(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,step,train/loss,val/auc,other\n2,9,,0.7,\n1,4,,0.6,\n1,4,0.5,,\n2,9,0.4,,nan\n")
    first, second = curves(path)
    assert first == {"epoch": 1, "train/loss": 0.5, "val/auc": 0.6}
    assert second.pop("other") != second.get("other")
    assert second == {"epoch": 2, "train/loss": 0.4, "val/auc": 0.7}


@pytest.mark.parametrize("text", ["step,val/auc\n1,0.5\n", "epoch,val/auc\n1,high\n", "epoch,val/auc\n1,2,3\n"])
def test_curves_that_are_none_are_a_sentence(tmp_path, text):
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    with pytest.raises(CadcError, match=r"metrics\.csv .*column epoch"):
        curves(path)


def test_content_of_results_keeps_numbers_and_files(results):
    content = results_content(results, "small")
    assert content["columns"] == ["arm", "rate", "auc_mean"]
    assert content["rows"] == [["random", 0.5, 0.61], ["mf frozen", None, 0.7]]
    assert content["files"] == [str(results / "table.csv"), str(results / "provenance.json")]


@pytest.mark.parametrize("text", [None, ""])
def test_results_without_a_table_are_a_sentence(results, text):
    (results / "table.csv").unlink()
    if text is not None:
        (results / "table.csv").write_text(text)
    with pytest.raises(CadcError, match=r"table\.csv is not a table .*`cadc report small` writes it"):
        results_content(results, "small")
