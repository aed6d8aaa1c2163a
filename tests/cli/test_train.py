"""`cadc train`: single runs, multiruns, what is skipped, and the dry run."""

import json
from pathlib import Path

import yaml

from tests.commands import TINY, cadc, runs


def records(answer):
    """Return the records that a command names on standard output."""
    return [json.loads(Path(line).read_text()) for line in answer.out.splitlines() if line.endswith("record.json")]


def test_a_run_says_its_id_its_metrics_and_where_its_record_is():
    answer = cadc("train", *TINY)
    assert answer.status == 0
    (record,) = records(answer)
    (line,) = answer.err.splitlines()
    assert line.startswith(f"[1/1] {record['id']}")
    assert f"test/auc {record['metrics']['test/auc']:.4f}" in line
    assert f"test/logloss {record['metrics']['test/logloss']:.4f}" in line
    assert runs() == [record["id"]]


def test_the_same_words_again_run_nothing():
    first = cadc("train", *TINY, "model=bias")
    again = cadc("train", *TINY, "model=bias")
    assert again.status == 0
    assert again.out == first.out
    assert again.err.splitlines()[0].endswith("finished before, skipped")


def test_a_multirun_runs_every_combination():
    answer = cadc("train", "-m", *TINY, "sampler.rate=0.1,0.5", "seed=0,1")
    assert answer.status == 0
    found = [(record["config"]["sampler"]["rate"], record["seed"]) for record in records(answer)]
    assert found == [(0.1, 0), (0.1, 1), (0.5, 0), (0.5, 1)]
    assert len(runs()) == 4
    assert answer.out.splitlines()[-1] == "4 finished, 0 skipped as finished before, 0 failed"
    assert [line.split()[0] for line in answer.err.splitlines()] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    assert "seed=0: test/auc" in answer.err
    assert "data=synthetic" not in answer.err  # words that all runs share are not repeated

    again = cadc("train", "-m", *TINY, "sampler.rate=0.1,0.5", "seed=0,1")
    assert again.out.splitlines()[-1] == "0 finished, 4 skipped as finished before, 0 failed"
    assert again.err.count("finished before, skipped") == 4

    wider = cadc("train", "-m", *TINY, "sampler.rate=0.1,0.2,0.5", "seed=1")
    assert wider.out.splitlines()[-1] == "1 finished, 2 skipped as finished before, 0 failed"


def test_the_flag_may_stand_between_the_words():
    answer = cadc("train", *TINY, "-m", "model=bias,oracle")
    assert answer.status == 0, answer.err
    assert len(runs()) == 2


def test_one_value_is_a_multirun_of_one():
    answer = cadc("train", "-m", *TINY, "model=bias")
    assert answer.status == 0
    assert len(records(answer)) == 1


def test_a_failing_run_does_not_end_the_others():
    answer = cadc("train", "-m", *TINY, "trainer.learning_rate=1e30,0.003")
    assert answer.status == 1
    assert answer.out.splitlines()[-1] == "1 finished, 0 skipped as finished before, 1 failed"
    assert "failed: the network's scores are NaN" in answer.err.splitlines()[0]
    assert len(records(answer)) == len(runs()) == 1


def test_a_dry_run_shows_configuration_ids_and_states_and_runs_nothing():
    cadc("train", *TINY, "model=bias")
    (finished,) = runs()
    answer = cadc("train", "-m", *TINY, "model=bias,dlrm", "--dry-run")
    assert answer.status == 0
    assert answer.err == ""
    *shown, first, second = answer.out.splitlines()
    config = yaml.safe_load("\n".join(shown))
    assert config["data"]["n_rows"] == 3000
    assert config["sampler"]["rate"] == 1.0
    assert config["choices"]["model"] == "bias"
    assert first.split()[:2] == [finished, "finished"]
    assert "to run" in second
    assert second.endswith("model=dlrm")
    assert runs() == [finished]


def test_a_dry_run_in_an_empty_place_makes_no_ledger():
    assert cadc("train", *TINY, "--dry-run").status == 0
    assert runs() == []


def test_the_dry_run_foretells_the_id():
    foretold = cadc("train", *TINY, "model=bias", "--dry-run").out.splitlines()[-1].split()[0]
    cadc("train", *TINY, "model=bias")
    assert runs() == [foretold]
