"""What goes wrong in a launched sweep ends in a sentence, and takes nothing else with it."""

import os
import re
from pathlib import Path

import pandas as pd
import pytest

from cadc.errors import CadcError
from cadc.execution.jobs import plan
from cadc.execution.sweep import RunTask
from cadc.launchers.launch import launch
from cadc.ledger import Ledger
from tests.cli.conftest import write_experiment
from tests.cluster.conftest import LAUNCHERS
from tests.support.commands import TINY, cadc

JOBLIB = LAUNCHERS["joblib"]


@pytest.mark.cluster("joblib")
def test_a_failing_run_is_recorded_and_the_others_finish():
    words = ("train", "-m", *TINY, "trainer.learning_rate=0.003,1e30,0.001", *JOBLIB)
    answer = cadc(*words)
    assert answer.status == 1
    assert sorted(Ledger().statuses().values()) == ["failed", "finished", "finished"]
    (failed,) = [run_id for run_id, status in Ledger().statuses().items() if status == "failed"]
    assert "Traceback" not in answer.err
    *_, finished, closing, reason = answer.err.splitlines()
    assert finished.split()[:2] == ["2", "finished"]
    assert closing.split()[:2] == ["1", "failed"]
    assert reason.split()[:2] == [failed, "failed:"]
    assert len(answer.records) == 2
    # Everything that is left failed before, so nothing is launched.
    again = cadc(*words)
    assert again.status == 1
    assert "runs go to" not in again.err
    assert "not tried again" in again.err


@pytest.mark.cluster("joblib")
def test_a_worker_whose_code_or_data_differ_is_refused():
    (job,) = plan([TINY])
    words = job.overrides
    other, same = launch([RunTask(words, "0" * 16, False), RunTask(words, job.run_id, False)], JOBLIB)
    assert same == "finished"
    assert type(other) is CadcError
    assert str(other).startswith(f"run {'0' * 16} has the id {job.run_id} on ")
    assert "install the same version everywhere" in str(other)
    assert list(Ledger().statuses()) == [job.run_id]


@pytest.mark.cluster("joblib")
def test_an_experiment_has_the_same_table_through_a_launcher(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arms = {"random": ["initializer=random", "sampler.rate=0.2,1"], "biases only": ["model=bias"]}
    write_experiment(tmp_path, "tiny", arms=arms)
    tables = []
    for name, launcher in (("here", ()), ("launched", JOBLIB)):
        monkeypatch.setenv("CADC_RUNS", str(tmp_path / f"runs-{name}"))
        answer = cadc("experiment", tmp_path / "tiny", *launcher, "--output", tmp_path / name)
        assert answer.status == 0, answer.err
        tables.append(pd.read_csv(tmp_path / name / "table.csv").drop(columns="total_s_mean"))
    assert "6 runs go to hydra/launcher=joblib" in answer.err
    assert "6 finished" in answer.out
    pd.testing.assert_frame_equal(*tables, check_exact=True)


@pytest.mark.cluster("slurm")
def test_what_slurm_refuses_is_said(slurm):
    words = ("hydra/launcher=submitit_slurm", "hydra.launcher.partition=nowhere")
    answer = cadc("train", "-m", *TINY, "seed=0,1", *words)
    assert answer.status == 1
    last = answer.err.splitlines()[-1]
    assert last.startswith("cadc: hydra/launcher=submitit_slurm: sbatch: error: invalid partition specified: nowhere;")
    assert "Traceback" not in answer.err
    assert not Ledger().statuses()


@pytest.mark.cluster("slurm")
def test_a_machine_without_slurm_is_said_to_be_one(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = cadc("train", "-m", *TINY, "seed=0,1", "hydra/launcher=submitit_slurm")
    assert answer.status == 1
    assert re.search('Could not detect "srun"', answer.err.splitlines()[-1])


@pytest.mark.cluster("slurm")
def test_an_option_that_the_launcher_does_not_have_is_named():
    words = ("hydra/launcher=submitit_slurm", "hydra.launcher.partitoin=short")
    answer = cadc("train", "-m", *TINY, "seed=0,1", *words)
    assert answer.status == 2
    assert "partitoin" in answer.err.splitlines()[-1]
    assert not (Path(os.environ["CADC_RUNS"]) / ".launched").exists()


@pytest.mark.cluster("ray")
def test_a_ray_that_is_not_there_is_said():
    answer = cadc("train", *TINY, "hydra/launcher=ray", "hydra.launcher.ray.init.address=127.0.0.1:1")
    assert answer.status == 1
    assert "Ray does not answer at 127.0.0.1:1 (connection refused)" in answer.err.splitlines()[-1]
