"""`--dry-run` of experiments and studies: runs, what is finished, and time, before anything is prepared."""

import os
import shutil
from pathlib import Path

import pytest

from cadc.execution.forecast import duration
from cadc.execution.parts import split
from cadc.ledger import Ledger
from tests.cli.conftest import N_RUNS, write_experiment
from tests.support.commands import TINY, cadc, runs

SMALL = (*TINY, "data.n_rows=2000")


def test_a_grid_that_was_never_run_is_counted_and_nothing_is_written(experiments):
    prepared = Path(os.environ["CADC_CACHE"]) / "prepared"
    before = sorted(prepared.glob("*"))
    answer = cadc("experiment", "tiny", "--dry-run")
    assert answer.status == 0
    assert answer.out.splitlines()[-2:] == [
        f"{N_RUNS} runs of 5 arms: 0 finished, {N_RUNS} to run",
        "time: unknown, since no record of runs on synthetic was found; finished runs tell",
    ]
    assert answer.out.count("unknown") == 1
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
    write_experiment(experiments, "small", arms={"biases": ["model=bias"]}, common=[*SMALL, "data.split_seed=${seed}"])
    before = cadc("experiment", "--all", "--dry-run").out.splitlines()
    assert [line.split() for line in before[:3]] == [
        ["experiment", "arms", "runs", "finished", "left", "time"],
        ["small", "1", "2", "0", "2", "unknown"],
        ["tiny", "5", str(N_RUNS), "0", str(N_RUNS), "unknown"],
    ]
    assert before[3:] == [
        f"{N_RUNS + 2} runs of 6 arms: 0 finished, {N_RUNS + 2} to run",
        "time: unknown, since no record of runs on synthetic was found; finished runs tell",
    ]
    assert cadc("experiment", "small").status == 0
    after = cadc("experiment", "--all", "--plan").out.splitlines()
    assert after[1].split() == ["small", "1", "2", "2", "0", "none"]
    assert after[3] == f"{N_RUNS + 2} runs of 6 arms: 2 finished, {N_RUNS} to run"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["experiment", "tiny", "--dry-run", "--tune"], "give one of the two"),
        (["experiment", "tiny", "--hours", "2"], "add --plan"),
        (["experiment", "tiny", "--plan", "--hours", "0"], "expected a number of hours above 0"),
        (["experiment", "--plan"], "no experiment was given"),
        (["experiment", "tiny", "--dry-run", "sampler.rte=1"], "did you mean sampler.rate"),
        (["tune", "--dry-run", "tune.trails=3"], "tune.trails"),
    ],
)
def test_what_is_wrong_is_said(experiments, words, said):
    answer = cadc(*words)
    assert answer.status == 2
    assert said in answer.sentence


def test_a_plan_in_parts_names_every_run_that_is_left_once(finished, monkeypatch):
    found = []

    def keep(forecasts, seconds):
        found.append(forecasts)
        return split(forecasts, seconds)

    monkeypatch.setattr("cadc.execution.parts.split", keep)
    whole = cadc("experiment", "tiny", "seed=7,8", "--plan", "--hours", "9").out.splitlines()
    assert whole[-2].startswith("part 1: about ")
    assert whole[-1] == "  cadc experiment tiny seed=7,8"
    (forecast,) = found[0].values()
    most = max(arm.seconds for arm in forecast.arms.values()) + forecast.shared_seconds
    parts = split(found[0], 1.01 * most)
    assert [arm for part in parts for arm in part.arms["tiny"]] == list(forecast.arms)
    assert len(parts) > 1 and all(part.seconds <= 1.01 * most for part in parts)
    lines = cadc("experiment", "tiny", "seed=7,8", "--plan", "--hours", "1e-6").out.splitlines()
    assert sum(line.endswith(", more than a part is to take") for line in lines) == 5
    assert "  cadc experiment tiny --arm 'mf frozen' seed=7,8" in lines


def test_runs_with_records_in_results_are_counted_as_finished(finished, tmp_path, monkeypatch):
    shutil.copytree(finished, "results/tiny")
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "no_runs"))
    assert f"{N_RUNS} finished, 0 to run" in cadc("experiment", "tiny", "--plan").out
    anew = cadc("experiment", "tiny", "--plan", "--anew").out
    assert f"0 finished, {N_RUNS} to run" in anew
    assert "as records in results/tiny took on" in anew
    # Another seed needs the scores of the seeds before it for its strata.
    more = cadc("experiment", "tiny", "seed=0,1,2", "--plan").out
    assert f"{N_RUNS} of these have committed records, but comparisons or strata need their scores" in more


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
