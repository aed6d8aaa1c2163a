"""A process that is stopped for longer than its lease, and goes on, harms neither its successor nor any record.

Two processes that do not see each other's numbers, as on two machines, carry out the same sweep. One of them stops
itself just before some call that changes or looks at the file system, and is continued when the other may have taken
over, worked, finished or cleared up.
"""

import os
import random
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from cadc.storage import lease_files, process
from tests.support.commands import TINY
from tests.support.sweeps import FEW, Place, assert_same_outcome, before_call

ONE = ("train", *TINY, "trainer.patience=99", "initializer=mf")
CALLS = {
    "pathlib:Path.rename": 9,
    "pathlib:Path.replace": 3,
    "pathlib:Path.mkdir": 30,
    "pathlib:Path.unlink": 7,
    "pathlib:Path.rmdir": 4,
    "pathlib:Path.iterdir": 16,
    "os:link": 3,
    "shutil:rmtree": 14,
    "cadc.storage.lease:Lease.is_held": 21,
    "cadc.storage.under_lease:flush": 36,
    "cadc.storage.lease:is_alive": 2,
}
"""Calls before which a process may be stopped, and about how many there are of each."""


def stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def on_machine(name: str, stops: list[tuple[str, int]]) -> None:
    """Have this process see no other's number, and stop before some calls."""
    process.machine = lease_files.machine = lambda: name
    for target, number in stops:
        before_call(target, number, stop)


def is_stopped(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def play(place: Place, seed: int) -> bool:
    """Carry out a sweep by two processes, one of which is stopped at times; return whether it was."""
    rng = random.Random(seed)
    stops = [(target, rng.randint(1, CALLS[target])) for target in rng.sample(list(CALLS), rng.choice((1, 1, 2, 3)))]
    late = place.start(setup=partial(on_machine, "one", stops))
    time.sleep(rng.choice((0.0, 0.3, 1.0)))
    live = place.start(setup=partial(on_machine, "two", []))
    was_stopped = False
    while late.is_running:
        if is_stopped(late.process.pid):
            was_stopped = True
            # Half of the time the other has all the time that it needs.
            ends = time.monotonic() + rng.uniform(0.5, 3.0)
            while time.monotonic() < ends or (seed % 2 and live.is_running):
                time.sleep(0.02)
            late.send(signal.SIGCONT)
        time.sleep(0.02)
    for name, command in (("the live one", live), ("the late one", late)):
        answer = command.answer()
        assert answer.status == 0, (name, stops, answer.err)
        assert "make room" not in answer.err
    return was_stopped


@pytest.fixture
def one(tmp_path_factory):
    """A run that nobody disturbed."""
    place = Place(tmp_path_factory.mktemp("one"), ONE)
    place.finish()
    return place


def require_sound(place: Place, undisturbed: Place) -> None:
    """Compare what was written with what one process writes, byte for byte, and require that nothing is left over."""
    assert_same_outcome(place, undisturbed)
    assert sorted(path.name for path in place.runs.iterdir()) == sorted(
        path.name for path in undisturbed.runs.iterdir()
    )
    assert not list(place.cache.glob("*/.*"))


@pytest.mark.parametrize("seed", range(4))
def test_a_late_process_harms_neither_the_live_one_nor_a_record(seed, one, tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_LEASE_SECONDS", "1")
    place = Place(tmp_path, ONE)
    play(place, seed)
    require_sound(place, one)


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", range(10))
def test_two_hundred_schedules_of_two_machines(part, one, few, tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_LEASE_SECONDS", "1")
    n_stopped = 0
    for seed in range(1000 + 20 * part, 1020 + 20 * part):
        words, undisturbed = (ONE, one) if seed % 5 else (FEW, few)
        place = Place(tmp_path / str(seed), words)
        n_stopped += play(place, seed)
        require_sound(place, undisturbed)
    assert n_stopped > 10, "or nothing was tried"
