"""What becomes of a run when its failure is retried, or when others take it over meanwhile."""

import signal
import subprocess
import sys
import threading

import pytest

from cadc.errors import Lost
from cadc.execution import sweep
from cadc.execution.attempt import record_without_result, run_job
from cadc.execution.jobs import plan
from cadc.execution.sweep import execute
from cadc.ledger import Ledger
from cadc.pipeline import evaluate as evaluation
from cadc.pipeline import run as pipeline
from cadc.storage.lease import claim
from cadc.storage.stage_cache import cached_folder
from tests.support.commands import TINY, cadc

SWEEP = ("train", "-m", *TINY, "trainer.patience=99", "initializer=random,mf")


def fails(*_):
    raise ValueError("made to fail")


def stops(*_):
    raise KeyboardInterrupt


def test_a_retried_run_that_is_stopped_goes_on_from_its_own_checkpoint(monkeypatch):
    words = ("train", *TINY, "trainer.patience=99")
    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "score", fails)
        assert cadc(*words).status == 1
    ledger = Ledger()
    (run_id,) = ledger.statuses()
    assert ledger.status(run_id) == "failed"
    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "score", stops)
        assert cadc(*words, "--retry-failed").status == 130
    assert ledger.status(run_id) == "interrupted"
    answer = cadc(*words)
    assert answer.status == 0
    assert ", resumed" in answer.err
    assert ledger.statuses() == {run_id: "finished"}
    assert [path.name for path in ledger.folder.iterdir()] == [run_id]


def take_over(lease):
    """Have another process take a lease over, as if the holder had given no sign of life."""
    lease.path.write_text('{"released": true}')
    return claim(lease.folder)


def test_a_run_that_another_process_took_over_is_left_to_it():
    (job,) = plan([[*TINY, "trainer.patience=99"]])
    ledger = Ledger()
    lease = ledger.claim(job.run_id)
    others = []
    with pytest.raises(Lost, match=f"took over run {job.run_id}"):
        run_job(job, ledger, lease, lambda history: others.append(take_over(lease)))
    assert ledger.recorded(job.run_id) is None
    left = sorted(path.name for path in lease.folder.iterdir())
    assert left == ["about.json", "checkpoints", others[0].path.name, "progress.json"], (
        "what the other goes on from is not touched"
    )
    assert others[0].is_held()
    assert run_job(job, ledger, others[0]) == "resumed"
    assert [path.name for path in ledger.folder.iterdir()] == [job.run_id]


def test_a_failure_is_not_recorded_by_who_lost_the_run(monkeypatch):
    (job,) = plan([TINY])
    ledger = Ledger()
    lease = ledger.claim(job.run_id)
    monkeypatch.setattr(type(lease), "is_held", lambda self: False)
    monkeypatch.setattr(pipeline, "make_model", fails)
    with pytest.raises(Lost):
        run_job(job, ledger, lease)
    assert ledger.recorded(job.run_id) is None


@pytest.mark.parametrize("how", ["finishes", "fails"])
def test_what_another_process_did_is_neither_done_again_nor_said_to_be_ours(monkeypatch, how):
    jobs = plan([[*TINY, "initializer=random"], [*TINY, "initializer=mf"]])
    ledger = Ledger()
    lease = ledger.claim(jobs[0].run_id)
    begun = threading.Event()
    executed = []
    ours = sweep.run_job

    def noted(job, *arguments):
        executed.append(job.run_id)
        begun.set()
        return ours(job, *arguments)

    def other_process():
        begun.wait(60)
        if how == "fails":
            ledger.end(lease, record_without_result(jobs[0], "failed", "made to fail"))
            ledger.tidy(lease)
        else:
            ours(jobs[0], ledger, lease)
        lease.release()

    monkeypatch.setattr(sweep, "run_job", noted)
    thread = threading.Thread(target=other_process)
    thread.start()
    outcome = execute(jobs, ledger, retry_failed=True, report=lambda line: None)
    thread.join()
    assert executed == [jobs[1].run_id]
    expected = {"finishes": "elsewhere", "fails": "failed before"}[how]
    assert outcome.states == {jobs[0].run_id: expected, jobs[1].run_id: "finished"}


def test_cleaning_the_cache_leaves_alone_what_is_being_built(empty_cache):
    cached_folder("factors", "built", lambda folder: (folder / "a").write_text("x"))
    with claim(empty_cache / "factors" / ".building-key"):
        assert cadc("cache", "clean").status == 0
        assert [path.name for path in (empty_cache / "factors").iterdir()] == [".building-key"]
    assert cadc("cache", "clean").status == 0
    assert list((empty_cache / "factors").iterdir()) == []


@pytest.mark.parametrize(("target", "status"), [("| true", 141), ("> /dev/full", 1)])
def test_output_that_nobody_takes_ends_in_good_order(target, status, empty_cache):
    for number in range(3):
        cached_folder("factors", str(number), lambda folder: (folder / "a").write_text("x"))
    command = f'"{sys.executable}" -m cadc cache list {target}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stderr
    assert "Exception ignored" not in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == (status == 1)


def test_a_senseless_time_to_live_leaves_nothing_behind(monkeypatch):
    monkeypatch.setenv("CADC_LEASE_SECONDS", "soon")
    answer = cadc("train", *TINY)
    assert answer.status == 2
    assert "CADC_LEASE_SECONDS" in answer.sentence
    assert not list(Ledger().folder.rglob("lease-*"))


def test_ctrl_c_that_python_drops_ends_the_sweep_before_the_next_run(monkeypatch):
    score = evaluation.score

    class Noisy:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def dropped(*arguments):
        Noisy()
        return score(*arguments)

    monkeypatch.setattr(evaluation, "score", dropped)
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    answer = cadc(*SWEEP)
    assert answer.status == 130
    assert list(Ledger().statuses().values()) == ["finished"]
