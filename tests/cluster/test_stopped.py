"""Launched sweeps that are stopped in the middle: by Ctrl-C, by the loss of a worker, by Slurm."""

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from cadc.launchers.launch import launch
from cadc.ledger import Ledger
from tests.cluster.conftest import LAUNCHERS, each
from tests.support.commands import Answer, cadc, start

# Long enough to be met in the middle.
WORDS = ("data=synthetic", "data.n_rows=6000", "trainer.max_epochs=20", "trainer.patience=99", "logger=none")
SWEEP = ("train", "-m", *WORDS, "seed=0,1")


def until(condition, child: "subprocess.Popen[str] | None" = None, seconds: float = 120):
    """Wait for a condition, and return what it came to."""
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert child is None or child.poll() is None, child.communicate()
        assert time.monotonic() < ends
        time.sleep(0.02)
    return found


def workers() -> list[int]:
    """Return the processes that work on runs which have a whole checkpoint already."""
    found = []
    for path in Path(os.environ["CADC_RUNS"]).glob(".unfinished/*/lease-*"):
        if list(path.parent.glob("checkpoints/[0-9]*.ckpt")):
            found.append(json.loads(path.read_text()).get("process"))
    return [process for process in found if process]


def others() -> list[str]:
    """Return the commands of all processes but this one that were started for this test, whoever is their parent."""
    mark = f"CADC_RUNS={os.environ['CADC_RUNS']}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int(folder.name) != os.getpid() and mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def hold_still(child: "subprocess.Popen[str]") -> int:
    """Stop a worker in the middle of a run, so that it cannot end the run before what is to come."""
    while True:
        worker = until(workers, child)[0]
        os.kill(worker, signal.SIGSTOP)
        time.sleep(0.05)
        if worker in workers():
            return worker
        os.kill(worker, signal.SIGCONT)


def stop_in_the_middle(words, stop) -> Answer:
    """Start a launched sweep, call `stop` with it and its first worker in the middle of a run; return what it said."""
    child = start(["-m", "cadc", *words], start_new_session=True)
    try:
        worker = hold_still(child)
        stop(child, worker)
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGCONT)
        out, err = child.communicate(timeout=120)
    finally:
        child.kill()
    assert "Traceback" not in err, err
    return Answer(child.returncode, out, err)


def kill_worker(child, worker):
    os.kill(worker, signal.SIGKILL)


def ctrl_c(child, worker):
    # As a terminal does it: to all processes of its foreground.
    os.killpg(child.pid, signal.SIGINT)


def end_of_the_main_process(child, worker):
    # As clusters end a job. Ray installs a way of its own with the signal, which must not come first.
    os.kill(child.pid, signal.SIGTERM)


def ctrl_c_of_the_main_process_alone(child, worker):
    os.kill(child.pid, signal.SIGINT)


@each("joblib", "submitit_local")
def test_after_the_loss_of_a_worker_the_same_command_goes_on(launcher):
    words = (*SWEEP, *LAUNCHERS[launcher])
    answer = stop_in_the_middle(words, kill_worker)
    assert answer.status == 1
    last = answer.err.splitlines()[-1]
    if launcher == "joblib":  # which gives up all its workers
        assert last.startswith("cadc: hydra/launcher=joblib: a worker process was killed or ran out of memory")
    else:
        assert "ended without a result" in last
        assert len(Ledger().ids()) == 1
    assert until(lambda: not others())
    n_left = 2 - len(Ledger().ids())
    again = cadc(*words)
    assert again.status == 0, again.err
    assert f"{n_left} runs go to" in again.err
    assert "resumed" in again.err
    assert len(Ledger().ids()) == 2


@pytest.mark.cluster("ray")
def test_ray_replaces_a_lost_worker_by_itself():
    answer = stop_in_the_middle((*SWEEP, *LAUNCHERS["ray"]), kill_worker)
    assert answer.status == 0, answer.err
    assert len(Ledger().ids()) == len(answer.records) == 2
    assert "resumed" in answer.err


@pytest.mark.parametrize(
    ("launcher", "stop", "status"),
    [
        pytest.param("joblib", ctrl_c, 130, marks=pytest.mark.cluster("joblib")),
        pytest.param("submitit_local", ctrl_c_of_the_main_process_alone, 130, marks=pytest.mark.cluster("slurm")),
        pytest.param("ray", ctrl_c, 130, marks=pytest.mark.cluster("ray")),
        pytest.param("ray", end_of_the_main_process, 143, marks=pytest.mark.cluster("ray")),
    ],
)
def test_a_signal_ends_all_processes(launcher, stop, status):
    answer = stop_in_the_middle((*SWEEP, *LAUNCHERS[launcher]), stop)
    assert answer.status == status, answer.err
    assert answer.err.splitlines()[-1].startswith("cadc: interrupted")
    assert until(lambda: not others())
    assert "interrupted" in Ledger().statuses().values()
    assert "running" not in Ledger().statuses().values()


def held_back():
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.cluster("ray")
def test_after_ray_the_callers_way_with_sigterm_is_kept():
    before = signal.getsignal(signal.SIGTERM)
    launch([held_back], LAUNCHERS["ray"])
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.cluster("joblib")
def test_ctrl_c_reaches_the_workers_of_joblib_through_us_alone():
    assert launch([held_back, held_back], LAUNCHERS["joblib"]) == [{signal.SIGINT}] * 2
    assert held_back() == set()


@pytest.mark.cluster("slurm")
def test_ctrl_c_cancels_the_jobs_of_slurm(slurm):
    answer = stop_in_the_middle((*SWEEP, *LAUNCHERS["submitit_slurm"]), ctrl_c)
    assert answer.status == 130, answer.err
    assert [path.read_text() for path in sorted(slurm.glob("*.state"))] == ["CANCELLED", "CANCELLED"]
    assert until(lambda: not others())
    assert "running" not in Ledger().statuses().values()


def user_signal(child, worker):
    os.kill(worker, signal.SIGUSR2)


def requeue_by_slurm(child, worker):
    # What Slurm does where it takes a machine back without the user's signal.
    variables = dict(line.split("=", 1) for line in Path(f"/proc/{worker}/environ").read_text().split("\0") if line)
    job = f"{variables['SLURM_ARRAY_JOB_ID']}_{variables['SLURM_ARRAY_TASK_ID']}"
    (Path(os.environ["FAKE_SLURM"]) / f"{job}.again").touch()
    os.kill(worker, signal.SIGTERM)


@pytest.mark.cluster("slurm")
@pytest.mark.parametrize("stop", [user_signal, requeue_by_slurm])
def test_a_preempted_job_is_queued_again_and_goes_on_from_its_checkpoint(slurm, stop):
    options = ("timeout_min=7", "cpus_per_task=3", "mem_gb=2")
    words = (*SWEEP, *LAUNCHERS["submitit_slurm"], *(f"hydra.launcher.{option}" for option in options))
    answer = stop_in_the_middle(words, stop)
    assert answer.status == 0, answer.err
    assert sorted(path.read_text().count("started") for path in slurm.glob("*.starts")) == [1, 2]
    assert until(lambda: [path.read_text() for path in slurm.glob("*.state")] == ["COMPLETED", "COMPLETED"])
    assert ["1", "resumed"] in [line.split()[:2] for line in answer.err.splitlines()]
    script = (slurm / "1.sh").read_text()
    for flag in ("partition=short", "time=7", "cpus-per-task=3", "mem=2GB", "array=0-1%2"):
        assert f"#SBATCH --{flag}\n" in script


@pytest.mark.cluster("slurm")
def test_a_job_out_of_time_is_no_failed_run(slurm):
    # So short that it counts as out of time at once, and never to be queued again.
    words = (*LAUNCHERS["submitit_slurm"], "hydra.launcher.timeout_min=5", "hydra.launcher.max_num_timeout=0")
    answer = stop_in_the_middle((*SWEEP, *words), user_signal)
    assert answer.status == 1
    assert sorted(Ledger().statuses().values()) == ["finished", "interrupted"]
    assert "timed-out too many times" in answer.err.splitlines()[-1]
