"""`cadc report`: the same table again from finished runs, without data, or from the committed records alone."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import average_precision_score, brier_score_loss

from cadc.ledger import Ledger
from cadc.ledger.record_hash import sealed
from tests.cli.conftest import N_RUNS, TINY_EXPERIMENT, write_experiment
from tests.support.commands import TINY, cadc

SAME = ("table.csv", "table.md", "figure.svg", "records.jsonl")


def assert_same(folder, expected):
    for name in SAME:
        assert (folder / name).read_bytes() == (expected / name).read_bytes(), name


def test_the_ledger_alone_gives_the_same_table(finished, empty_cache):
    answer = cadc("report", "tiny")
    assert answer.status == 0
    assert_same(Path("outputs/tiny"), finished)
    assert not Path("results").exists()
    assert not empty_cache.exists()  # nothing was prepared or factorised


def test_the_committed_records_alone_give_the_same_table(finished, empty_cache, monkeypatch, tmp_path):
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "no_runs"))
    folder = Path("results/tiny")
    folder.mkdir(parents=True)
    shutil.copy(finished / "records.jsonl", folder)
    before = (folder / "records.jsonl").stat().st_mtime_ns
    answer = cadc("report", "tiny")
    assert answer.status == 0, answer.err
    assert_same(Path("outputs/tiny"), finished)
    assert (folder / "records.jsonl").stat().st_mtime_ns == before
    assert sorted(folder.iterdir()) == [folder / "records.jsonl"]
    assert f"read {N_RUNS} runs from {folder}" in answer.err
    assert not empty_cache.exists()
    assert not (tmp_path / "no_runs").exists()


def test_split_seeds_that_come_to_the_same_split_share_a_record(experiments):
    common = [*TINY, "data/split=chronological", "data.split_seed=${seed}", "trainer.max_epochs=1"]
    arms = {"biases": ["model=bias"], "random": ["initializer=random"]}
    write_experiment(experiments, "split_alike", common=common, seeds=[0, 1], arms=arms)
    assert cadc("experiment", "split_alike").status == 0
    assert len(list(Ledger())) == 3
    table = (Path("results/split_alike") / "table.csv").read_bytes()
    answer = cadc("report", "split_alike")
    assert answer.status == 0, answer.err
    assert (Path("outputs/split_alike") / "table.csv").read_bytes() == table
    # An earlier record of the same run, under the other seed, makes no second run of it.
    records = Path("results/split_alike/records.jsonl")
    biases = json.loads(records.read_text().splitlines()[0])
    assert "trainer" not in biases["uses"]
    earlier = biases | {"id": "earlier", "finished_at": "2000-01-01T00:00:00+00:00"}
    earlier |= {"code": biases["code"] | {"hash": "x"}}
    earlier["config"]["data"]["split_seed"] = 1 - biases["config"]["data"]["split_seed"]
    records.write_text(json.dumps(sealed(earlier)) + "\n")
    shutil.rmtree("outputs")
    assert cadc("report", "split_alike").status == 0
    assert (Path("outputs/split_alike") / "table.csv").read_bytes() == table


def test_a_report_goes_where_it_is_told(finished, tmp_path):
    answer = cadc("report", "tiny", "--output", tmp_path / "there")
    assert answer.status == 0
    assert f"written to {tmp_path / 'there'}" in answer.out
    assert_same(tmp_path / "there", finished)
    assert not Path("results").exists()


def test_a_report_of_a_part_reads_the_same_runs(finished):
    answer = cadc("report", "tiny", "seed=0", "sampler.rate=1")
    assert answer.status == 0
    lines = (Path("outputs/tiny-sampler.rate=1,seed=0") / "records.jsonl").read_text().splitlines()
    assert len(lines) == 5
    assert {json.loads(line)["seed"] for line in lines} == {0}
    assert not Path("results").exists()


def test_runs_that_are_missing_are_counted(finished, monkeypatch, tmp_path):
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "no_runs"))
    answer = cadc("report", "tiny")
    assert answer.status == 1
    assert f"{N_RUNS} of {N_RUNS} runs are not in {tmp_path / 'no_runs'}, outputs/tiny" in answer.sentence
    assert answer.sentence.endswith("; `cadc experiment tiny` runs them.")
    assert not Path("results").exists()


def test_a_report_of_a_part_of_the_runs_says_which_cells_are_missing(finished, monkeypatch, tmp_path):
    lines = (finished / "records.jsonl").read_text().splitlines(keepends=True)
    controls = [line for line in lines if "trainer" not in json.loads(line)["uses"]]
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "no_runs"))
    Path("results/tiny").mkdir(parents=True)
    Path("results/tiny/records.jsonl").write_text("".join(controls[1:]))
    answer = cadc("report", "tiny")
    assert answer.status == 1
    assert answer.err.splitlines()[-1] == "cadc: 9 of 14 runs have no result; written to outputs/tiny."
    assert "9 of 14 runs are not in" in answer.err and "`cadc experiment tiny` runs them" in answer.err
    table = pd.read_csv("outputs/tiny/table.csv")
    whole = pd.read_csv(finished / "table.csv")
    assert table["arm"].tolist() == whole["arm"].tolist()
    assert table["seeds"].tolist() == [0, 0, 0, 0, 1, 2, 2]
    assert table["missing"].fillna("").tolist() == ["2 missing"] * 4 + ["1 missing", "", ""]
    assert table["auc_mean"][5:].tolist() == whole["auc_mean"][5:].tolist()
    committed = cadc("report", "tiny", "--commit")
    assert committed.status == 1
    assert committed.err.splitlines()[-1] == "cadc: 9 of 14 runs have no result; written to results/tiny."
    assert sorted(Path("results/tiny/records.jsonl").read_text().splitlines(keepends=True)) == sorted(controls[1:])
    assert cadc("ledger", "verify", "results/tiny").status == 0
    assert "MF alone, seed 0 (missing)." in Path("outputs/tiny/table.md").read_text()


def test_of_two_runs_of_one_configuration_the_latest_counts(finished, monkeypatch, tmp_path):
    first, *_ = [json.loads(line) for line in (finished / "records.jsonl").read_text().splitlines()]
    later = first | {"id": "later", "finished_at": "9999-01-01T00:00:00+00:00"}
    later["metrics"] = first["metrics"] | {"test/auc": 1.0}
    folder = Path("results/tiny")
    folder.mkdir(parents=True)
    (folder / "records.jsonl").write_text(json.dumps(sealed(later)) + "\n")
    assert cadc("report", "tiny").status == 0
    provenance = Path("outputs/tiny/provenance.json").read_text()
    assert "later" in provenance
    assert first["id"] not in provenance


@pytest.mark.parametrize("text", ["{", "[]\n", '{"id": 1}\n'])
def test_committed_records_that_are_none_are_a_sentence(finished, text):
    folder = Path("results/tiny")
    folder.mkdir(parents=True)
    (folder / "records.jsonl").write_text(text)
    answer = cadc("report", "tiny")
    assert answer.status == 1
    assert "records.jsonl" in answer.sentence


def test_runs_of_other_code_are_counted_aloud(finished, monkeypatch, tmp_path):
    lines = [json.loads(line) for line in (finished / "records.jsonl").read_text().splitlines()]
    lines[0]["code"]["hash"] = "other"
    folder = Path("results/tiny")
    folder.mkdir(parents=True)
    (folder / "records.jsonl").write_text("".join(json.dumps(sealed(line)) + "\n" for line in lines))
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "no_runs"))
    answer = cadc("report", "tiny")
    assert answer.status == 0
    assert f"1 of {N_RUNS} runs were made by other code" in answer.err
    assert "`cadc experiment tiny` runs them with the present code" in answer.err


def test_the_present_code_counts_before_a_later_record_of_other_code(finished):
    first, *_ = [json.loads(line) for line in (finished / "records.jsonl").read_text().splitlines()]
    later = first | {"id": "later", "finished_at": "9999-01-01T00:00:00+00:00", "code": first["code"] | {"hash": "x"}}
    folder = Path("results/tiny")
    folder.mkdir(parents=True)
    (folder / "records.jsonl").write_text(json.dumps(sealed(later)) + "\n")
    assert cadc("report", "tiny").status == 0
    assert_same(Path("outputs/tiny"), finished)


def test_an_experiment_of_ones_own_is_named_by_its_folder(finished, experiments):
    folder = experiments.rename(experiments.parent / "mine") / "tiny"
    answer = cadc("report", folder)
    assert answer.status == 0, answer.err
    assert_same(Path("outputs/tiny"), finished)


def test_metrics_that_runs_did_not_record_are_computed_from_their_scores(finished, experiments, tmp_path, monkeypatch):
    metrics = ["auc", "brier", "pr_auc"]
    description = TINY_EXPERIMENT | {"metrics": metrics, "reference": {"arm": "oracle"}, "metric": "pr_auc"}
    (experiments / "tiny" / "experiment.yaml").write_text(yaml.safe_dump(description, sort_keys=False))
    before = set(Ledger().ids())
    answer = cadc("report", "tiny")
    assert answer.status == 0, answer.err
    assert set(Ledger().ids()) == before, "nothing was run"
    folder = Path("outputs/tiny")
    table = pd.read_csv(folder / "table.csv").set_index("arm")
    runs = [record["id"] for record in Ledger() if record["config"]["choices"]["model"] == "oracle"]
    oracle = [pd.read_parquet(Ledger().path(run_id) / "scores.parquet") for run_id in runs]
    for name, expected in (("brier", brier_score_loss), ("pr_auc", average_precision_score)):
        found = [expected(rows["label"], rows["probability"]) for rows in oracle]
        assert table.loc["oracle", f"{name}_mean"] == pytest.approx(np.mean(found), abs=1e-6)
    assert {"Brier score", "PR-AUC"} <= set(re.findall(r"Brier score|PR-AUC", (folder / "figure.svg").read_text()))
    assert pd.read_csv(folder / "comparison.csv")["metric"].unique().tolist() == ["pr_auc"]
    shutil.copytree(folder, tmp_path / "first")
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "no_runs"))
    assert cadc("report", "tiny").status == 0
    for name in (*SAME, "comparison.csv", "computed_metrics.csv"):
        assert (folder / name).read_bytes() == (tmp_path / "first" / name).read_bytes(), name
    (folder / "computed_metrics.csv").unlink()
    answer = cadc("report", "tiny")
    assert answer.status == 0, answer.err
    assert "pr_auc is empty for 14 runs" in " ".join(answer.out.split())
