"""`cadc doctor`: what it says, and its exit status."""

import os

import pytest

from cadc.cli.candidates import candidates
from cadc.diagnosis import examination
from cadc.diagnosis.finding import Finding
from tests.support.commands import cadc


@pytest.fixture
def quick(monkeypatch):
    """Without the parts that start processes or train, which have tests of their own."""
    monkeypatch.setattr(examination, "check_exchange", lambda: Finding("exchange", "ok", "left out"))
    monkeypatch.setattr(examination, "check_repetition", lambda overrides: Finding("repetition", "ok", "left out"))


def states(answer):
    lines = [line.split() for line in answer.out.splitlines() if line[:1].strip() and line[11:18].strip()]
    return {line[0]: line[1] for line in lines if line[1] in ("ok", "note", "wrong")}


def test_a_machine_that_works_has_status_0_and_lines_of_80_characters():
    answer = cadc("doctor", "data.n_rows=3000")
    assert answer.status == 0, answer
    assert set(states(answer)) == {
        "run", "system", "threads", "denormals", "device", "packages", "versions", "runs", "cache", "data", "log",
        "memory", "disk", "exchange", "repetition",
    }  # fmt: skip
    assert max(map(len, answer.out.splitlines())) <= 80
    assert answer.out.splitlines()[-1].startswith("Nothing is wrong")


def test_each_thing_that_is_wrong_is_counted_and_has_status_1(quick, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "file"))
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path / "none"))
    answer = cadc("doctor", "trainer.accelerator=cpu", f"threads={2 * (os.cpu_count() or 1)}")
    assert answer.status == 1
    found = states(answer)
    assert (found["runs"], found["data"], found["run"], found["threads"]) == ("wrong", "wrong", "wrong", "note")
    assert found["cache"] == "ok"
    assert answer.out.count("-> ") >= 2
    assert answer.out.splitlines()[-1].startswith("3 things wrong, ")


def test_missing_devices_are_wrong(quick):
    answer = cadc("doctor", "trainer.accelerator=mps")
    assert (answer.status, states(answer)["device"]) == (1, "wrong")


def test_processes_that_cannot_train_together_are_wrong(quick):
    answer = cadc("doctor", "trainer.devices=2", "trainer.fleet=2", "trainer.accelerator=cpu")
    assert (answer.status, states(answer)["processes"]) == (1, "wrong")


def test_wrong_overrides_are_wrong_usage(quick):
    for word in ("sampler.rat=0.1", "sampler.rate=0.1,0.2", "hydra/launcher=basic,ray"):
        answer = cadc("doctor", word)
        assert (answer.status, answer.out) == (2, ""), word
        assert answer.sentence


def test_what_cannot_be_examined_is_said_and_the_rest_goes_on(quick, monkeypatch):
    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(examination, "check_room", fail)
    answer = cadc("doctor")
    assert answer.status == 1
    assert (states(answer)["room"], states(answer)["repetition"]) == ("wrong", "ok")


def test_overrides_are_completed():
    assert "data=ml-1m" in candidates(["doctor", "data=ml-"])
    assert "doctor" in candidates(["do"])
