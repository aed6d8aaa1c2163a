"""Who looks at a ledger knows what a sweep intends to do, while it works and after it was killed."""

import json
import signal
import time

import pytest

from cadc.ledger import Ledger
from cadc.ledger.sweeps import FILE, SWEEPS, Standing, Sweep, SweepNotes, SweepRun, sweep_line, sweeps
from tests.support.commands import TINY, cadc
from tests.support.processes import Command

RUNS = [SweepRun("a", "random", "seed=0"), SweepRun("b", "random", "seed=1"), SweepRun("c", "mf", "seed=0")]
WORDS = ("train", "-m", *TINY, "trainer.max_epochs=50", "trainer.patience=99", "seed=0,1,2")


def test_a_sweep_is_noted_while_it_works_and_forgotten_at_its_end():
    ledger = Ledger()
    notes = SweepNotes(ledger, "cadc_ml1m", RUNS)
    assert sweeps(ledger) == []
    notes.work()
    notes.left(90.0)
    (found,) = sweeps(ledger)
    assert found.is_running and (found.name, list(found.runs), found.n_runs) == ("cadc_ml1m", RUNS, 3)
    assert "3 left" in sweep_line(found, {})
    notes.end(is_over=True)
    assert sweeps(ledger) == [] and not (ledger.folder / SWEEPS).exists()


def test_an_interrupted_sweep_stays_and_the_same_runs_take_it_up():
    ledger = Ledger()
    notes = SweepNotes(ledger, "", RUNS)
    notes.work()
    notes.end(is_over=False)
    (found,) = sweeps(ledger)
    assert not found.is_running
    assert sweep_line(found, {"a": "finished"}).endswith("the same command goes on")
    again = SweepNotes(ledger, "", [*reversed(RUNS)])
    again.work()
    assert [sweep.is_running for sweep in sweeps(ledger)] == [True]
    again.end(is_over=True)
    assert sweeps(ledger) == []


def test_one_of_several_processes_notes_the_sweep_and_another_takes_over():
    ledger = Ledger()
    one, other = SweepNotes(ledger, "", RUNS), SweepNotes(ledger, "", RUNS)
    one.work()
    other.work()
    other.end(is_over=True)
    assert len(sweeps(ledger)) == 1, "the note of the other process was removed"
    one.end(is_over=False)
    other.work()
    assert sweeps(ledger)[0].is_running
    other.end(is_over=True)
    assert sweeps(ledger) == []


def test_a_sweep_stands_as_its_runs_do():
    sweep = Sweep("x", "", RUNS, 5, "2026-01-01T00:00:00+00:00", 90.0, time.time() - 30, True)
    standing = Standing.of(sweep, {"a": "finished", "b": "failed", "c": "running", "other": "finished"})
    assert standing == Standing(done=1, running=1, failed=1, left=2)
    assert sweep.remaining == pytest.approx(60, abs=1)
    assert "about 1:00 to go" in sweep_line(sweep, {})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"runs": [1], "n_runs": 1}', '{"runs": ' + "[" * 5000])
def test_a_damaged_note_is_left_out(text):
    folder = Ledger().folder / SWEEPS / "x"
    folder.mkdir(parents=True)
    (folder / FILE).write_text(text)
    assert sweeps(Ledger()) == []
    assert cadc("ledger", "list").status == 0


def test_a_ledger_that_cannot_be_written_ends_no_sweep(tmp_path):
    (tmp_path / "runs").write_text("not a folder")
    notes = SweepNotes(Ledger(tmp_path / "runs"), "", RUNS)
    notes.work()
    notes.left(1.0)
    notes.end(is_over=True)


def test_a_sweep_that_is_killed_amid_its_runs_says_what_is_left(session_cache, tmp_path):
    ledger = Ledger()
    command = Command(WORDS, tmp_path)
    said = ""
    while not (said.startswith("sweep of 3 runs: 1 done, 1 running, 0 failed, 1 left") and " to go" in said):
        assert command.is_running, command.answer().err
        said = cadc("ledger", "list", "running").out.splitlines()[-1]
    command.send(signal.SIGKILL)
    command.answer()
    (left,) = sweeps(ledger)
    assert not left.is_running
    assert {run.overrides for run in left.runs} == {f"seed={seed}" for seed in (0, 1, 2)}
    answer = Command(WORDS, tmp_path).answer()
    assert answer.status == 0, answer.err
    assert sweeps(ledger) == []


def test_a_study_names_the_runs_of_its_trials(session_cache, tmp_path):
    ledger = Ledger()
    words = ("tune", *TINY, "tune.space={trainer.learning_rate:{low:0.001,high:0.03,log:true}}", "tune.trials=4")
    command = Command((*words, "--output", "report"), tmp_path)
    seen = []
    while command.is_running:
        seen += sweeps(ledger)
        time.sleep(0.02)
    answer = command.answer()
    assert answer.status == 0, answer.err
    assert {sweep.n_runs for sweep in seen} == {4}
    assert seen[-1].name and seen[-1].runs[-1].arm.startswith("trial ")
    assert sweeps(ledger) == []
    assert json.loads(cadc("ledger", "show", "--json", seen[-1].runs[0].run_id).out)["status"]
