"""Runs of `cadc train` on several processes: what they record, and how they end where one of them is lost."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.cluster("ray")

TRAIN = (
    "data=synthetic",
    "data.n_rows=4000",
    "embedding.dim=4",
    "model.top_mlp=[8]",
    "trainer.accelerator=cpu",
    "trainer.batch_size=64",
    "trainer.patience=null",
)


def started(folder, *words, n_epochs=2, environ=None):
    command = [sys.executable, "-m", "cadc", "train", *TRAIN, f"trainer.max_epochs={n_epochs}", *words]
    return subprocess.Popen(
        command,
        env=os.environ | {"CADC_RUNS": str(folder), "OMP_NUM_THREADS": "1"} | (environ or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell has what it starts in the background ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def ended(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def records(folder):
    return [json.loads(path.read_text()) for path in folder.glob("*/record.json")]


def wait_for_checkpoint(folder, process):
    while process.poll() is None and not list(folder.glob(".unfinished/*/checkpoints/*.ckpt")):
        time.sleep(0.02)
    assert process.poll() is None


def followers(process):
    found = subprocess.run(["pgrep", "-P", str(process.pid), "-f", "follower"], capture_output=True, text=True)
    return [int(number) for number in found.stdout.split()]


def test_a_run_has_the_id_and_the_numbers_of_one_process_and_names_its_ranks(tmp_path):
    for folder, n in (("one", 1), ("two", 2)):
        status, _, err = ended(started(tmp_path / folder, f"trainer.devices={n}"))
        assert status == 0, err
    (one,), (two,) = records(tmp_path / "one"), records(tmp_path / "two")
    assert two["id"] == one["id"]
    assert two["metrics"] == pytest.approx(one["metrics"], abs=1e-4)
    assert "ranks" not in one["environment"]
    assert two["environment"]["ranks"] == {
        "strategy": "ddp",
        "backend": "gloo",
        "world_size": 2,
        "machines": 1,
        "devices": ["cpu", "cpu"],
        "tables": "replicated",
    }


@pytest.mark.parametrize("whom", ["a follower", "the leader", "by Ctrl-C"])
def test_a_run_that_loses_a_process_ends_at_once_and_resumes_on_another_number(tmp_path, whom):
    process = started(tmp_path, "trainer.devices=2", n_epochs=40)
    wait_for_checkpoint(tmp_path, process)
    others = followers(process)
    assert len(others) == 1
    if whom == "a follower":
        os.kill(others[0], signal.SIGKILL)
    else:
        process.send_signal(signal.SIGKILL if whom == "the leader" else signal.SIGINT)
    status, _, err = ended(process)
    if whom == "a follower":
        assert status == 1
        assert "process 1 of the training was ended by signal 9 (SIGKILL); run the same command again" in err
    elif whom == "by Ctrl-C":
        assert status == 130
        assert "interrupted" in err
    if whom != "the leader":
        assert not list(tmp_path.glob(".unfinished/*/lease-*"))
    assert not followers(process)
    status, _, err = ended(started(tmp_path, "trainer.devices=3", n_epochs=40))
    assert status == 0, err
    assert "resumed" in err
    (record,) = records(tmp_path)
    assert record["cost"]["epochs"] == 40
    assert record["environment"]["ranks"]["world_size"] == 3


def test_torchrun_starts_the_ranks_of_each_run_of_a_sweep(tmp_path):
    program = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", "-m", "cadc"]
    words = ["train", "-m", *TRAIN, "trainer.max_epochs=1", "seed=0,1", "trainer.learning_rate=0.001"]
    environ = os.environ | {"CADC_RUNS": str(tmp_path), "OMP_NUM_THREADS": "1"}
    found = subprocess.run([*program, *words], env=environ, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stderr
    assert [record["environment"]["ranks"]["world_size"] for record in records(tmp_path)] == [2, 2]


def test_srun_starts_the_ranks_of_a_run_that_asks_for_them(tmp_path):
    def slurm(rank):
        return {
            "SLURM_PROCID": str(rank),
            "SLURM_LOCALID": str(rank),
            "SLURM_STEP_NUM_TASKS": "2",
            "SLURM_STEP_NODELIST": "127.0.0.1",
            "SLURM_JOB_ID": str(os.getpid()),
        }

    processes = [started(tmp_path, "trainer.strategy=ddp", environ=slurm(rank)) for rank in range(2)]
    assert [ended(process)[0] for process in processes] == [0, 0]
    (record,) = records(tmp_path)
    assert record["environment"]["ranks"]["world_size"] == 2


def test_a_failure_of_the_run_is_recorded_once_and_ends_all_processes(tmp_path):
    process = started(tmp_path, "trainer.devices=2", "trainer.learning_rate=1e9")
    status, _, err = ended(process)
    assert status == 1
    assert "lower trainer.learning_rate" in err
    assert not followers(process)
    (failed,) = [json.loads(path.read_text()) for path in tmp_path.glob("**/record.json")] or [None]
    assert failed is None or failed["status"] == "failed"
