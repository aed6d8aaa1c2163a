"""`cadc experiment`: overrides, where results go, and what goes wrong."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cadc.ledger import Ledger
from tests.cli.conftest import write_experiment
from tests.support.commands import TINY, cadc, runs

QUICK = {"common": [*TINY], "seeds": [0], "arms": {"biases": ["model=bias"], "oracle": ["model=oracle"]}}


@pytest.mark.parametrize("words", [["data.n_rows=2000"], ["--fast"]], ids=["override", "fast"])
def test_only_the_whole_grid_goes_into_results(experiments, words):
    write_experiment(experiments, "quick", **QUICK, fast=["data.n_rows=2000"])
    assert cadc("experiment", "quick", *words).status == 0
    folder = Path("outputs") / f"quick-{words[0].removeprefix('--')}"
    assert (folder / "table.csv").exists()
    assert not Path("results").exists()
    command = json.loads((folder / "provenance.json").read_text())["command"]
    assert command == " ".join(["cadc experiment quick", *words])
    assert {record["config"]["data"]["n_rows"] for record in Ledger()} == {2000}


def test_the_whole_grid_goes_into_results(experiments):
    write_experiment(experiments, "quick", **QUICK)
    assert cadc("experiment", "quick").status == 0
    assert Path("results/quick/table.csv").exists()
    assert not Path("outputs").exists()


def test_some_arms_alone_do_not_go_into_results(experiments):
    reference = {"arm": "oracle", "metric": "logloss"}
    tune = {"space": {"factorization.l2_bias": {"low": 1, "high": 9}}, "after": {"biases": "oracle"}}
    description = QUICK | {"references": [reference], "choose": {"arm": "oracle"}, "figure": "bars", "tune": tune}
    write_experiment(experiments, "quick", **description)
    answer = cadc("experiment", "quick", "--arm", "biases")
    assert answer.status == 0, answer.err
    assert "it is not in this table" in answer.err
    folder = Path("outputs/quick-arm=biases")
    assert list(pd.read_csv(folder / "table.csv")["arm"]) == ["biases"]
    assert json.loads((folder / "provenance.json").read_text())["command"].endswith("quick --arm biases")
    assert not Path("results").exists()
    assert len(Ledger().ids()) == 1
    (folder / "table.csv").unlink()
    assert cadc("report", "quick", "--arm", "biases").status == 0
    assert list(pd.read_csv(folder / "table.csv")["arm"]) == ["biases"]


def test_an_arm_alone_lacks_options_that_others_of_the_grid_have(experiments):
    common = [*QUICK["common"], "initializer.std=0.2", "trainer.max_epochs=1"]
    arms = {"random": ["initializer=random"], "biases": ["model=bias"], "table": ["embedding=hashing"]}
    write_experiment(experiments, "quick", **QUICK | {"common": [*common, "embedding.ratio=2,8"], "arms": arms})
    assert cadc("experiment", "quick", "--arm", "random", "--arm", "biases").status == 0
    assert sorted(pd.read_csv("outputs/quick-arm=random,arm=biases/table.csv")["arm"]) == ["biases", "random"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("quick", "--arm", "bias"), "quick has no arm 'bias'; did you mean biases?"),
        (("--all", "--arm", "biases"), "--arm and --all were both given"),
    ],
)
def test_an_arm_that_cannot_be_chosen_is_a_sentence(experiments, words, sentence):
    write_experiment(experiments, "quick", **QUICK)
    for command in ("experiment", "report"):
        answer = cadc(command, *words)
        assert answer.status == 2
        assert sentence in answer.err.splitlines()[-1]
    assert not Ledger().ids()


def test_the_output_may_be_named(experiments, tmp_path):
    write_experiment(experiments, "quick", **QUICK)
    assert cadc("experiment", "quick", "--output", tmp_path / "here").status == 0
    assert (tmp_path / "here" / "table.csv").exists()
    assert not Path("results").exists()


def test_an_override_replaces_seeds_and_sweeps(experiments):
    assert cadc("experiment", "tiny", "seed=5", "sampler.rate=0.5", "model=bias").status == 0
    table = pd.read_csv("outputs/tiny-model=bias,sampler.rate=0.5,seed=5/table.csv")
    assert (table["model"] == "bias").all()
    assert {record["seed"] for record in Ledger()} == {5}


def test_the_oracle_is_left_out_where_data_has_none(experiments, small_movielens, monkeypatch):
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    write_experiment(experiments, "quick", **QUICK | {"common": ["data=synthetic"]})
    answer = cadc("experiment", "quick", "data=ml-1m")
    assert answer.status == 0
    assert "arm 'oracle' is left out: ml-1m has no column oracle" in answer.err
    table = pd.read_csv("outputs/quick-data=ml-1m/table.csv")
    assert list(table["arm"]) == ["biases"]
    assert list(table["dataset"]) == ["ml-1m"]
    assert cadc("report", "quick", "data=ml-1m").status == 0


def test_a_folder_that_cannot_be_written_is_a_sentence_before_anything_runs(experiments, tmp_path):
    write_experiment(experiments, "quick", **QUICK)
    (tmp_path / "file").write_text("mine")
    for output in (tmp_path / "file", tmp_path / "file" / "deeper"):
        answer = cadc("experiment", "quick", "--output", output)
        assert answer.status == 2
        assert str(output) in answer.sentence
        assert runs() == []
    assert (tmp_path / "file").read_text() == "mine"


def test_a_result_file_that_cannot_be_written_is_a_sentence(experiments):
    write_experiment(experiments, "quick", **QUICK)
    Path("results/quick/table.csv").mkdir(parents=True)
    answer = cadc("experiment", "quick")
    assert answer.status == 1
    assert "results cannot be written to results/quick" in answer.err.splitlines()[-1]
    assert len(runs()) == 2


def test_an_unknown_name_is_answered_with_its_neighbours(experiments):
    write_experiment(experiments, "quick", **QUICK)
    for command in ("experiment", "report"):
        answer = cadc(command, "tinny")
        assert answer.status == 2
        assert "there is no experiment 'tinny'; did you mean tiny?" in answer.sentence
        assert "choose one of quick, tiny." in cadc(command, "zzz").sentence


def test_a_failing_run_withholds_no_table_and_leaves_results_alone(experiments):
    arms = {"wild": ["trainer.learning_rate=1e30"], "biases": ["model=bias"]}
    write_experiment(experiments, "quick", **QUICK | {"arms": arms})
    answer = cadc("experiment", "quick")
    assert answer.status != 0
    assert sorted(Ledger().statuses().values()) == ["failed", "finished"]
    last = answer.err.splitlines()[-1]
    assert last == "cadc: 1 of 2 runs has no result; 1 finished, 1 failed; written to outputs/quick."
    assert not Path("results/quick").exists()  # whole tables are there
    table = pd.read_csv("outputs/quick/table.csv")
    assert table["missing"].fillna("").tolist() == ["1 failed", ""]
    assert table["auc_mean"].isna().tolist() == [True, False]
    wild = next(line for line in answer.out.splitlines() if line.startswith("wild"))
    assert wild.split()[-1] == "failed"
    assert "wild at 100 %, seed 0 (failed)" in Path("outputs/quick/table.md").read_text()
    ids = [json.loads(line)["id"] for line in Path("outputs/quick/records.jsonl").read_text().splitlines()]
    assert ids == Ledger().ids()


@pytest.mark.parametrize(
    "changes",
    [{"ams": {}}, {"arms": 3}, {"seeds": None}, {"arms": None}, {"arms": {}}, {"seeds": []}, {"common": 5}],
    ids=str,
)
def test_a_description_that_is_not_understood_is_a_sentence(experiments, changes):
    write_experiment(experiments, "wrong", **QUICK | changes)
    answer = cadc("experiment", "wrong")
    assert answer.status == 2
    assert "experiment.yaml" in answer.sentence
    assert runs() == []


def test_a_wrong_word_in_an_experiment_runs_nothing(experiments):
    answer = cadc("experiment", "tiny", "sampler.rte=1")
    assert answer.status == 2
    assert "no key sampler.rte" in answer.sentence
    assert runs() == []
    assert not Path("outputs").exists()
