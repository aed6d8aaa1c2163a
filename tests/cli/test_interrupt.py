"""A sweep that Ctrl-C stops in the middle keeps what is finished and goes on from there."""

import os
import signal
import time
from glob import glob
from pathlib import Path

from cadc.execution.jobs import plan
from cadc.ledger import Ledger
from tests.support.commands import TINY, cadc, closing, runs
from tests.support.processes import Command

SEEDS = range(4)
WORDS = (*TINY, "trainer.max_epochs=4", "trainer.patience=9", "logger=none")


def stop_in_the_middle(work):
    """Start the sweep, send it SIGINT once a run is finished and the next has begun; return what it said."""
    command = Command(["train", "-m", *WORDS, f"seed={','.join(map(str, SEEDS))}"], work)
    ledger, folder = Ledger(), Path(os.environ["CADC_RUNS"])
    # Path.glob stumbles over folders that go away meanwhile.
    while not (ledger.ids() and glob(".unfinished/*/.partial-*/new", root_dir=folder)):
        assert command.is_running, command.answer()
        time.sleep(0.002)
    command.send(signal.SIGINT)
    return command.answer()


def identities():
    """Return inode and time of every finished record: both change when one is written again."""
    ledger = Ledger()
    states = {run_id: (ledger.path(run_id) / "record.json").stat() for run_id in ledger.ids()}
    return {run_id: (state.st_ino, state.st_mtime_ns) for run_id, state in states.items()}


def finish(before):
    """Start the sweep again; what was finished must not be touched, and in the end all is there."""
    answer = cadc("train", "-m", *WORDS, f"seed={','.join(map(str, SEEDS))}")
    assert answer.status == 0, answer.err
    after = identities()
    assert {run_id: after[run_id] for run_id in before} == before
    assert set(after) == {job.run_id for job in plan([[*WORDS, f"seed={seed}"] for seed in SEEDS])}
    assert answer.err.count("finished before, skipped") == len(before)
    counts = closing(answer)
    assert counts.pop("skipped") == len(before)
    # Where it was stopped after an epoch, the run that was under way went on from there.
    assert sum(counts.values()) == len(SEEDS) - len(before)
    assert counts.get("resumed", 0) <= 1 and set(counts) <= {"finished", "resumed"}
    assert sorted(record["seed"] for record in Ledger()) == list(SEEDS)
    assert runs() == sorted(after)


def test_ctrl_c_keeps_what_is_finished_and_the_sweep_goes_on_from_there(tmp_path):
    answer = stop_in_the_middle(tmp_path)
    assert answer.status == 130
    assert "Traceback" not in answer.err
    said = [line for line in answer.err.splitlines() if not line.startswith("[")]
    before = identities()
    assert 0 < len(before) < len(SEEDS)
    assert closing(answer) == {"finished": len(before), "left": len(SEEDS) - len(before)}
    assert len(said) == 3, answer.err
    assert said[-1].startswith("cadc: interrupted")
    assert answer.out == ""
    assert runs() == [".sweeps", ".unfinished", *sorted(before)]
    (left,) = (Path(os.environ["CADC_RUNS"]) / ".unfinished").iterdir()
    assert Ledger().status(left.name) == "interrupted"
    assert not list(left.glob(".*")), "a half-written run is no use"
    finish(before)
