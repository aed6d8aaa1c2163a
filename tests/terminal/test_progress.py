"""What a person sees of a sweep: an estimate, closing lines, and two bars where there is a terminal."""

import os
import re
import threading

import pytest

from cadc.errors import CadcError
from cadc.execution.jobs import Job
from cadc.execution.outcome import STATES, Outcome
from cadc.execution.time_left import Estimate, own_seconds
from cadc.pipeline.settings import Settings
from cadc.terminal.progress import Display
from tests.support.processes import Command
from tests.support.sweeps import FEW


def jobs_of(*arms):
    """Return a job for each (rate, seed); runs of one rate are an arm."""
    return [
        Job((), Settings.compose(["data=synthetic", f"sampler.rate={rate}", f"seed={seed}"]), f"{rate}-{seed}", "")
        for rate, seed in arms
    ]


def test_a_run_is_taken_to_last_as_long_as_others_of_its_arm():
    jobs = jobs_of((0.1, 0), (0.1, 1), (1, 0), (1, 1), (1, 2))
    estimate = Estimate(jobs)
    assert estimate.remaining({}) == "", "nothing is known"
    estimate.add(jobs[0], 10.0)
    assert estimate.remaining({"0.1-0": ""}) == ", about 0:40 to go"
    estimate.add(jobs[2], 100.0)
    assert estimate.remaining({"0.1-0": "", "1-0": ""}) == ", about 3:30 to go"
    estimate.add(jobs[3], 200.0)
    assert estimate.remaining({"0.1-0": "", "1-0": "", "1-1": ""}) == ", about 2:40 to go"
    assert estimate.remaining({job.run_id: "" for job in jobs}) == ""


def test_a_run_finished_before_counts_what_its_record_says():
    jobs = jobs_of((1, 0), (1, 1))
    estimate = Estimate(jobs)
    cost = {"sample_s": 1.0, "initialise_s": 2.0, "train_s": 3000.0, "evaluate_s": 4.0, "factorize_s": 999.0}
    estimate.add(jobs[0], own_seconds({"cost": cost}))
    assert estimate.remaining({"1-0": "skipped"}) == ", about 50:07 to go"


def test_closing_lines_count_final_states_and_name_runs_without_a_result():
    outcome = Outcome(
        {"a": "skipped", "b": "finished", "c": "failed", "d": "finished", "e": "interrupted", "f": "failed before"},
        {"c": CadcError("it broke."), "e": CadcError("no room."), "f": CadcError("it was broken.")},
    )
    counts = [("2", "finished"), ("1", "skipped"), ("1", "interrupted"), ("1", "failed before"), ("1", "failed")]
    lines = outcome.summary(8)
    assert lines[:5] == [f"{count:>6}  {state:14} {STATES[state]}" for count, state in counts]
    assert lines[5].split()[:2] == ["2", "left"]
    assert lines[6:] == [
        "        c  failed: it broke.",
        "        e  interrupted: no room.",
        "        f  failed before: it was broken.",
    ]
    assert outcome.exit_status == 1
    assert Outcome({"a": "skipped"}).exit_status == 0
    ended = Outcome({"a": "elsewhere", "b": "resumed"}).summary(2)
    assert [line.split()[:2] for line in ended] == [["1", "resumed"], ["1", "elsewhere"]]


def test_without_a_terminal_lines_are_printed_and_no_bar(capsys):
    with Display(3) as shown:
        shown.sweep(1, "one")
        bar = shown.run()
        bar.move(1, 2, "half")
        bar.close()
        shown.write("a [line] of text")
    assert capsys.readouterr().err == "a [line] of text\n"


def on_a_terminal(words, folder, monkeypatch):
    """Return what a command writes to a terminal of 120 columns, and its exit status."""
    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    ours, theirs = os.openpty()
    read = bytearray()

    def collect():
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # nobody has the other end open any more
                return
            read.extend(data)

    reader = threading.Thread(target=collect)
    reader.start()
    answer = Command(words, folder, terminal=os.ttyname(theirs)).answer()
    os.close(theirs)
    reader.join()
    os.close(ours)
    return answer.status, re.sub(r"\x1b\[[0-9;]*m", "", read.decode())


@pytest.mark.parametrize("progress", ["true", "false"])
def test_on_a_terminal_the_sweep_stands_above_the_run(tmp_path, monkeypatch, progress):
    words = [*FEW, "trainer.max_epochs=15", f"trainer.progress={progress}"]
    status, shown = on_a_terminal(words, tmp_path, monkeypatch)
    assert status == 0, shown
    sweep = r"sweep +\S+[ \S]* 1 done, 0 failed, 1 left, 1 running, about 0:\d\d to go *"
    run = r"run +\S+[ \S]* epoch \d+, val/logloss 0\.\d{4}"
    assert re.search(sweep, shown), shown
    assert bool(re.search(f"{sweep}\r?\n{run}", shown)) == (progress == "true"), shown
    assert not re.search(r"run [^\r\n]*\r?\n[^\r\n]*sweep ", shown)
    lines = [line for line in re.split(r"[\r\n]+|\x1b\[\w+", shown) if line.startswith("[")]
    assert [line.split()[0] for line in lines] == ["[1/2]", "[2/2]"]
