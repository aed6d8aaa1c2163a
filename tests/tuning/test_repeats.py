"""Trials of several runs: the seeds that follow each other, and the mean of what they come to."""

import os
import signal
from statistics import fmean

import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss

from cadc.ledger import Ledger
from tests.tuning.helpers import fork, outcome, tune, wait_until

WORDS = ("tune.repeats=3", "tune.pruner=none", "seed=7")


def test_a_trial_is_the_mean_of_its_runs(tmp_path):
    study = tune(tmp_path, "tune.trials=2", *WORDS)
    ledger = Ledger(tmp_path)
    assert len(ledger.ids()) == 6
    for trial in study.done():
        records = [ledger.record(run_id) for run_id in trial.user_attrs["run"].split()]
        assert [record["config"]["seed"] for record in records] == [7, 8, 9]
        assert {record["config"]["evaluate"] for record in records} == {"validation"}
        assert trial.value == pytest.approx(fmean(record["metrics"]["val/logloss"] for record in records), abs=1e-12)
        for key, value in trial.params.items():
            group, _, option = key.partition(".")
            assert {record["config"][group][option] for record in records} == {value}


def test_the_first_run_alone_stops_a_trial(tmp_path):
    study = tune(tmp_path, "tune.trials=12", "tune.repeats=2", "tune.startup=2")
    ledger = Ledger(tmp_path)
    stopped = [trial for trial in study.done() if trial.value is None or trial.state.name == "PRUNED"]
    assert stopped
    for trial in stopped:
        first, second = trial.user_attrs["run"].split()
        assert not ledger.recorded(second)
        assert not (ledger.recorded(first) and ledger.record(first)["status"] == "finished")


def test_a_trial_that_is_killed_between_its_runs_goes_on_with_the_others(tmp_path):
    words = ("tune.trials=3", *WORDS)
    expected = outcome(tune(tmp_path / "calm", *words))
    runs = Ledger(tmp_path / "killed" / "runs")
    child = fork(tmp_path / "killed", *words)
    wait_until(lambda: len(runs.ids()) >= 4)  # one of the second trial's three
    os.kill(child.pid, signal.SIGKILL)
    child.join(30)
    before = {run_id: runs.record(run_id) for run_id in runs.ids()}
    assert len(before) < 9
    study = tune(tmp_path / "killed" / "runs", *words)
    assert outcome(study) == expected
    assert len(runs.ids()) == 9
    assert {run_id: runs.record(run_id) for run_id in before} == before


def test_a_run_that_draws_nothing_is_not_repeated(tmp_path):
    # Its own seed set apart, it does not follow that of the run.
    words = ("model=factorization", "factorization.seed=0", "tune=factorization", "tune.trials=2", "tune.repeats=2")
    study = tune(tmp_path, *words)
    assert len(Ledger(tmp_path).ids()) == 2
    assert sorted(trial.user_attrs["run"] for trial in study.done()) == sorted(Ledger(tmp_path).ids())


def test_trials_are_judged_by_a_metric_that_runs_do_not_record(tmp_path):
    study = tune(tmp_path, "tune.trials=2", "tune.repeats=2", "tune.metric=val/brier")
    assert study.tuning.directions == ("minimize",)
    ledger = Ledger(tmp_path)
    for trial in study.done():
        scores = [pd.read_parquet(ledger.path(run) / "scores.parquet") for run in trial.user_attrs["run"].split()]
        errors = [brier_score_loss(rows["label"], rows["probability"]) for rows in scores]
        assert trial.value == pytest.approx(fmean(errors), abs=1e-12)
