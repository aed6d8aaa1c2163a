"""`--dry-run` of experiments and studies: runs, what is finished, and time, before anything is prepared."""

import os
from pathlib import Path

import pytest

from cadc.execution.forecast import duration
from cadc.ledger import Ledger
from tests.cli.conftest import N_RUNS
from tests.support.commands import TINY, cadc, runs


def test_a_grid_that_was_never_run_is_counted_and_nothing_is_written(experiments):
    prepared = Path(os.environ["CADC_CACHE"]) / "prepared"
    before = sorted(prepared.glob("*"))
    answer = cadc("experiment", "tiny", "--dry-run")
    assert answer.status == 0
    assert answer.out.splitlines()[-2:] == [
        f"{N_RUNS} runs of 5 arms: 0 finished, {N_RUNS} to run",
        "time: unknown, since no record of runs like these was found; finished runs tell",
    ]
    assert runs() == []
    assert not Path("results").exists() and not Path("outputs").exists()
    assert sorted(prepared.glob("*")) == before


def test_finished_runs_are_counted(finished):
    answer = cadc("experiment", "tiny", "--dry-run")
    assert answer.out.splitlines()[-1] == f"{N_RUNS} runs of 5 arms: {N_RUNS} finished, 0 to run"
    some = cadc("experiment", "tiny", "--arm", "biases only", "seed=0,5", "--dry-run").out.splitlines()
    assert some[1].split() == ["biases", "only", "2", "1", "0", "s"]
    assert some[-3] == "2 runs of 1 arm: 1 finished, 1 to run"
    assert some[-1].endswith(": 1 as other runs of their arms")
    assert str(Ledger().folder) in some[-1]


def test_time_of_a_grid_is_that_of_other_runs_of_its_arms(finished):
    records = [Ledger().record(run_id) for run_id in runs()]
    choices = [record["config"]["choices"] for record in records]
    random = [
        record
        for record, own in zip(records, choices, strict=True)
        if (own["model"], own["initializer"]) == ("dlrm", "random")
    ]
    shared = {(stage, record["cost"].get(stage, 0)) for record in random for stage in ("prepare_s", "factorize_s")}
    stages = ("sample_s", "initialise_s", "train_s", "evaluate_s")
    own = [sum(record["cost"][stage] for stage in stages) for record in random]
    assert len(own) == 4  # two rates, two seeds
    expected = duration(sum(own) / 2 * 3 + sum(seconds for _, seconds in shared))

    lines = cadc("experiment", "tiny", "--arm", "random", "seed=7,8,9", "--dry-run").out.splitlines()
    assert lines[-3:-1] == [
        "6 runs of 1 arm: 0 finished, 6 to run",
        f"time: about {expected}, one after the other in one process",
    ]
    assert lines[-1].endswith("6 as other runs of their arms")
    other = cadc("experiment", "tiny", "--arm", "random", "sampler.rate=0.7", "--dry-run").out.splitlines()
    assert other[-1].endswith("2 as the average run on the same data")


def test_all_experiments_are_counted_in_a_line_each(experiments):
    answer = cadc("experiment", "--all", "--dry-run")
    assert answer.out.splitlines()[0].startswith(f"tiny  {N_RUNS} runs of 5 arms: 0 finished")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["experiment", "tiny", "--dry-run", "--tune"], "give one of the two"),
        (["experiment", "tiny", "--dry-run", "sampler.rte=1"], "did you mean sampler.rate"),
        (["tune", "--dry-run", "tune.trails=3"], "tune.trails"),
    ],
)
def test_what_is_wrong_is_said(experiments, words, said):
    answer = cadc(*words)
    assert answer.status == 2
    assert said in answer.sentence


def test_a_study_says_its_space_its_trials_and_their_time(experiments):
    words = ("tune", *TINY, "tune.trials=20", "tune.repeats=2", "trainer.learning_rate=tag(log,interval(1e-3,1e-1))")
    answer = cadc(*words, "model=dlrm,dcn", "--dry-run")
    assert answer.status == 0, answer.err
    assert answer.out.splitlines() == [
        "trainer.learning_rate: 0.001 to 0.1, log scale",
        "model: dlrm, dcn",
        "at most 20 trials of 2 runs each, those of earlier starts included",
        "time: unknown, since no record of runs like these was found; the first trial tells",
    ]
    assert runs() == []
    cadc("train", *TINY)
    lines = cadc(*words, "--dry-run").out.splitlines()
    assert lines[-2].startswith("time: about ") and ", if each run takes " in lines[-2]
    assert lines[-1].endswith("as other runs of their arms")
